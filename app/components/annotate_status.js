// How far one is, what is saved, what went wrong, and what to do where there is no item: always on screen, in words.

class Status {
  constructor({ parts, save, buttons }, { who, reasons }) {
    this.parts = parts;
    this.save = save;
    this.buttons = buttons;
    this.who = who;
    this.reasons = reasons;
    this.notices = [];
    this.toldHalt = null;
    this.toldUnkept = false;
    this.wasOffline = false;
  }

  /** Bring everything up to date; called after every press, so it writes only what has changed. */
  update(desk) {
    const { numbers } = desk;
    if (numbers) this.progress(numbers, desk.pace);
    this.saving(desk.outbox);
    this.buttons.undo.disabled = desk.operations.length === 0;
    this.buttons.back.disabled = desk.done.length === 0;
    if (desk.item === null) this.empty(desk);
    if (desk.halted !== this.toldHalt) this.halted(desk);
  }

  progress({ answered, today, goal }, pace) {
    const speed = pace === null ? "" : ` · ${pace < 9.5 ? pace.toFixed(1) : Math.round(pace)} a minute`;
    const far = today < goal ? `${today} of ${goal} today` : `${today} today`;
    setText(this.parts.numbers, `${far} · ${answered.toLocaleString("en")} in all${speed}`);
    this.parts.bar.max = goal;
    this.parts.bar.value = Math.min(today, goal);
  }

  saving(outbox) {
    const waiting = outbox.count;
    const { state } = outbox;
    const stopped = outbox.halted?.kind === "leaving" ? "Signing out" : "Stopped";
    const words = {
      saved: "Saved",
      sending: `Sending ${waiting}`,
      offline: `Offline, ${waiting} waiting`,
      halted: waiting ? `${stopped}, ${waiting} waiting` : stopped,
    };
    setText(this.parts.save, words[state]);
    const was = this.save.dataset.state;
    if (was !== state) {
      this.save.dataset.state = state;
      // A screen reader hears of what is unusual, not of every answer.
      if (state === "offline") this.say("Offline. Answers wait in this browser; go on.");
      if (state === "saved" && this.wasOffline) this.say("Saved. The connection is back.");
      this.wasOffline = state === "offline" || (this.wasOffline && state === "sending");
    }
    if (outbox.unkept && !this.toldUnkept) {
      this.toldUnkept = true;
      const why = "This browser does not let the page keep answers (its storage is full or closed).";
      this.tell({ kind: "refused", text: `${why} Do not close this tab before it says Saved.` });
    }
  }

  /** What to do where there is no item. */
  empty(desk) {
    const [title, text, look] = emptyWords(desk);
    setText(this.parts["empty-title"], title);
    setText(this.parts["empty-text"], text);
    setHidden(this.buttons.look, !look);
    this.buttons.look.disabled = desk.asking;
  }

  halted({ halted, outbox }) {
    this.toldHalt = halted;
    this.notices = this.notices.filter((notice) => notice.kind !== "halted");
    for (const button of this.parts.labels.children) button.disabled = Boolean(halted);
    if (!halted) {
      this.draw();
      return;
    }
    const reload = ["Load the page again", () => window.location.reload()];
    const signIn = ["Sign in", () => window.location.assign("/")];
    const action = { denied: reload, leaving: null }[halted.kind];
    const text = haltWords(halted, outbox.count, this.who);
    this.tell({ kind: "halted", text, action: action === undefined ? signIn : action });
  }

  /** A message that stays until it is closed or its cause is gone. */
  tell(notice) {
    this.notices.push(notice);
    this.draw();
    this.say(notice.text);
  }

  draw() {
    const shown = this.notices.slice(-4).map((notice) => {
      const box = element("div", "lk-notice");
      box.dataset.kind = notice.kind;
      const text = element("p", "", notice.text);
      text.dir = "auto";
      box.append(text);
      if (notice.action === null) return box; // what to do is asked elsewhere
      const [word, act] = notice.action ?? ["Close", () => this.dismiss(notice)];
      const button = element("button", "", word);
      button.type = "button";
      button.addEventListener("click", act);
      box.append(button);
      return box;
    });
    this.parts.notices.replaceChildren(...shown);
  }

  dismiss(notice) {
    this.notices = this.notices.filter((one) => one !== notice);
    this.draw();
  }

  /** Which key answers with which label from now on. */
  newKeys(keys, { halted }) {
    for (const button of this.parts.labels.children) button.disabled = Boolean(halted);
    const rows = Object.entries(keys).map(([label, key]) => `${label}: ${key ?? "no key"}`);
    const text = `The keys have changed. They are now ${rows.slice(0, 12).join(", ")}${rows.length > 12 ? " … (? shows all)" : ""}.`;
    this.notices = this.notices.filter((notice) => notice.kind !== "keys");
    this.tell({ kind: "keys", text });
  }

  /** Words for a screen reader. */
  say(words) {
    setText(this.parts.said, words);
  }
}

/** Title, text and whether looking again makes sense, for a page without an item. */
function emptyWords({ halted, trouble, outbox, asking, dry }) {
  if (halted?.kind === "leaving") return ["Signing out", "", false];
  if (halted) return ["Stopped", "What to do is said above.", false];
  if (trouble?.status === 0) {
    const waiting = outbox.count;
    const kept = waiting ? ` This browser keeps ${count(waiting, "answer")} of yours and sends them by itself.` : "";
    return ["The server cannot be reached.", `You have answered all items that this page holds.${kept}`, true];
  }
  if (trouble) return [`${trouble.message}.`, trouble.hint ? `${trouble.hint}.` : "Tell a lead of the project.", true];
  if (asking && !dry) return ["Fetching items…", "", false];
  const why = "Everything in the queue is answered or with somebody else. Thank you!";
  return ["Nothing is waiting for you.", `${why} This page looks again by itself.`, true];
}

/** What is said while nothing can be sent at all, and what to do. */
function haltWords(halted, waiting, who) {
  if (halted.kind === "leaving") {
    return waiting > 0 ? `Signing out: ${count(waiting, "answer")} unsent.` : "Signing out.";
  }
  const kept = waiting > 0 ? ` This browser keeps ${count(waiting, "answer")} of yours` : "";
  if (halted.kind === "signed-out") {
    return `You are not signed in any more.${kept && `${kept} and sends them when ${who} signs in again.`}`;
  }
  if (halted.kind === "another") {
    const name = halted.name ? ` (${halted.name})` : "";
    return `Somebody else${name} has signed in in this browser.${kept && `${kept} until ${who} signs in again.`}`;
  }
  const hint = halted.hint ? ` ${halted.hint}.` : "";
  return `You may not answer here: ${halted.message}.${hint}${kept && `${kept}.`}`;
}
