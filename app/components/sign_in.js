// Signs in through the API, which answers with an HttpOnly cookie; then the page is loaded anew with it.
// All words come from `data` as text; nothing is ever read as HTML.

const PATHS = { "sign-in": "/api/session", invitation: "/api/session/invitation", ticket: "/api/session/ticket" };

export default function ({ data, parentElement }) {
  const form = parentElement.querySelector("form");
  const part = (name) => form.querySelector(`[data-part="${name}"]`);
  const field = form.elements;
  const invited = data.mode === "invitation";

  part("title").textContent = data.title;
  const note = part("note");
  note.textContent = data.note ?? "";
  note.hidden = !data.note;
  note.dataset.warning = String(Boolean(data.warning));
  const submit = form.querySelector('[type="submit"]');
  submit.textContent = data.button;
  part("password-label").textContent = invited ? "New password" : "Password";
  field.password.autocomplete = invited ? "new-password" : "current-password";
  form.querySelector('[data-field="again"]').hidden = !invited;
  if (invited && data.name) {
    field.name.value = data.name;
    field.name.readOnly = true;
  }

  part("reveal").onclick = () => {
    const shown = field.password.type === "text";
    field.password.type = field.again.type = shown ? "password" : "text";
    part("reveal").textContent = shown ? "Show" : "Hide";
    part("reveal").setAttribute("aria-pressed", String(!shown));
  };

  const tell = (text, wrong) => {
    const problem = part("problem");
    for (const each of [field.name, field.password, field.again]) each.removeAttribute("aria-invalid");
    problem.hidden = !text;
    problem.textContent = text;
    if (!text) return;
    wrong?.setAttribute("aria-invalid", "true");
    (wrong ?? problem).focus();
  };

  const sentences = (...parts) =>
    parts.filter(Boolean).map((part) => `${part[0].toUpperCase()}${part.slice(1)}.`).join(" ");

  const send = async (given) => {
    submit.disabled = true;
    tell("");
    try {
      const reply = await fetch(PATHS[data.mode], {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(given),
      });
      if (reply.ok) {
        leave();
        return;
      }
      const { error } = await reply.json();
      tell(sentences(error.message, error.hint), data.mode === "ticket" ? undefined : field.password);
      field.password.select();
    } catch {
      tell("The server cannot be reached. Nothing was sent; try again.");
    }
    submit.disabled = false;
  };

  // The page that was asked for, without the code of an invitation; never an address of somewhere else. The address
  // is changed first: the end of whoever was signed in here before makes this page load itself anew, too.
  const leave = () => {
    const kept = new URLSearchParams(window.location.search);
    kept.delete("invitation");
    const query = kept.toString();
    window.history.replaceState(null, "", query ? `?${query}` : window.location.pathname);
    window.location.reload();
  };

  form.onsubmit = (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    const name = field.name.value;
    const password = field.password.value;
    if (!name.trim()) return tell("Give your name.", field.name);
    if (!password) return tell("Give your password.", field.password);
    if (invited && password !== field.again.value) return tell("The two passwords differ.", field.again);
    send(invited ? { code: data.code, name, password } : { name, password });
  };

  if (data.mode === "ticket") {
    for (const each of form.querySelectorAll("[data-field], button")) each.hidden = true;
    if (form.dataset.sent !== data.ticket) {
      form.dataset.sent = data.ticket;
      send({ code: data.ticket });
    }
    return;
  }
  if (form.dataset.ready) return;
  form.dataset.ready = "yes";
  (field.name.readOnly ? field.password : field.name).focus({ preventScroll: true });
}
