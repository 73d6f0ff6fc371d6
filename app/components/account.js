// The account menu: who is signed in, and the way out. Nobody leaves answers behind without having been told.

const SEND_SECONDS = 6;
const SETTLE = 3000; // ms in which the Annotate page, if this is one, takes over what waits

class AccountMenu {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.parts = Object.fromEntries([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
    this.draw();
    this.lost = [];
    this.outbox = new Outbox(data.project, data.who, null, {
      changed: () => this.unsent(),
      result: (answer, result) => this.settled(answer, result),
    });
    setTimeout(() => this.outbox.adopt(), SETTLE);
    writeJson(localStorage, "labelkit:person", data.who); // other tabs notice when somebody else signs in
    root.addEventListener("click", (event) => this.click(event.target.closest("[data-do]")?.dataset.do));
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.unsent();
  }

  draw() {
    const { who, role, page } = this.data;
    this.parts.name.textContent = who;
    this.parts.full.textContent = who;
    this.parts.role.textContent = role;
    this.parts.initial.textContent = [...who][0]?.toUpperCase() ?? "";
    this.parts.page.hidden = !page;
    if (page) this.parts.page.href = page;
  }

  /** Answers of tabs that are gone are sent from every page; what cannot be sent is counted here. */
  unsent() {
    const waiting = this.outbox?.count ?? 0;
    const stuck = waiting > 0 && this.outbox.state !== "sending";
    const words = [stuck ? `${waiting} unsent` : "", this.lost.length ? `${this.lost.length} not saved` : ""];
    this.parts.unsent.textContent = words.filter(Boolean).join(", ");
    this.parts.unsent.hidden = this.parts.unsent.textContent === "";
  }

  settled(answer, { status, message }) {
    if (status !== "refused") return;
    this.lost.push(`${answer.title}: ${message}`);
    this.say(`Not saved: ${this.lost.join("; ")}.`);
  }

  close() {
    this.parts.menu.open = false;
    this.parts.menu.querySelector("summary").focus();
  }

  click(what) {
    const acts = {
      out: () => this.leave(),
      stay: () => this.stay(),
      keep: () => this.end(),
      discard: () => {
        this.outbox.discard();
        this.end();
      },
    };
    acts[what]?.();
  }

  say(words) {
    this.parts.state.hidden = !words;
    this.parts.state.textContent = words;
  }

  busy(on) {
    for (const button of this.root.querySelectorAll("button")) button.disabled = on;
  }

  /** Send what waits, then leave; where it cannot be sent, say so and ask. */
  async leave() {
    this.busy(true);
    const boxes = [this.outbox];
    window.dispatchEvent(new CustomEvent("labelkit:signing-out", { detail: boxes })); // pages add what else waits
    this.outbox.halted = null;
    this.outbox.adopt(true);
    const waiting = () => boxes.reduce((sum, box) => sum + box.count, 0);
    if (waiting() > 0) {
      this.say("Sending your answers…");
      const enough = new Promise((done) => setTimeout(done, SEND_SECONDS * 1000));
      await Promise.race([Promise.all(boxes.map((box) => box.send())), enough]);
    }
    this.busy(false);
    const left = waiting();
    if (left === 0) {
      await this.end();
      return;
    }
    this.say(`${left} ${left === 1 ? "answer" : "answers"} could not be sent: the server cannot be reached, or refuses them.`);
    this.ask(true);
    this.parts.warning.querySelector("button").focus();
  }

  /** Whether there is something to choose; the button that led to it goes meanwhile. */
  ask(on) {
    this.parts.warning.hidden = !on;
    this.parts.out.hidden = on;
  }

  stay() {
    this.ask(false);
    this.say("");
    window.dispatchEvent(new Event("labelkit:staying"));
  }

  /** End the session on the server; only then the page goes. */
  async end() {
    this.busy(true);
    try {
      const client = window.labelkitAnnotate?.desk.tab.id;
      if (client) await request("POST", "/leases/release", { client, annotator: this.data.who }).catch(() => null);
      await request("DELETE", "/session");
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      this.busy(false);
      this.ask(false);
      window.dispatchEvent(new Event("labelkit:staying"));
      this.say(`You are still signed in: ${problem.message}. Try again in a moment.`);
      return;
    }
    for (const key of Object.keys(sessionStorage)) if (key.startsWith("labelkit:")) sessionStorage.removeItem(key);
    removeKey(localStorage, "labelkit:person");
    window.labelkitAnnotate?.forget();
    window.location.assign("/");
  }
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".lk-account");
  if (root.menu?.data.who === data.who && root.menu.data.page === data.page) return;
  root.menu = new AccountMenu(root, data);
}
