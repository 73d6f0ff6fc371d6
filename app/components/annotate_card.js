// The item on screen with its comment and hints, and the labels' buttons below it.

class ItemCard {
  /** `drawn`: {parts, buttons, text, id} of the page; `say(words)` speaks to a screen reader. */
  constructor({ parts, buttons, text, id }, view, reasons, say) {
    this.parts = parts;
    this.cancel = buttons.unflag;
    this.text = text;
    this.id = id;
    this.view = view;
    this.reasons = reasons;
    this.say = say;
    this.prepared = null;
    this.flagging = false;
    this.flagMode(false);
  }

  /** Put an item on screen; nothing here asks for the layout of the page. */
  show(desk) {
    const { item, looking } = desk;
    if (item) {
      const { text, fields } = this.built(item);
      this.text.replaceChildren(text);
      setText(this.id, item.id);
      this.parts.fields.replaceChildren(fields);
      this.before(looking ? looking.hints : item.hints);
      this.comment(desk.drafts[item.token] ?? looking?.answer?.comment ?? "");
    }
    setHidden(this.parts.desk, !item);
    setHidden(this.parts.empty, Boolean(item));
    this.pressed(looking);
    this.later(desk);
  }

  /** What follows the picture: nothing of this may hold it up. */
  later(desk) {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      this.parts.card.scrollTop = 0;
      const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 0));
      idle(() => this.prepare(desk.queue[0]));
    });
  }

  prepare(next) {
    if (next && this.prepared?.item !== next) this.prepared = { item: next, built: this.view.build(next) };
  }

  built(item) {
    const { prepared } = this;
    this.prepared = null;
    return prepared?.item === item ? prepared.built : this.view.build(item);
  }

  /** Mark words in what is on screen, or no longer. */
  mark(on, item) {
    this.view.marked = on;
    this.prepared = null;
    if (!item) return;
    const { text, fields } = this.view.build(item);
    this.text.replaceChildren(text);
    this.parts.fields.replaceChildren(fields);
  }

  /** Hints before the answer, where the server gave them, and for answers that are looked at again. */
  before(hints) {
    setHidden(this.parts.before, !hints);
    if (hints) this.parts.before.replaceChildren(element("h3", "lk-quiet", "Hints"), hintsShown(hints));
  }

  /** Hints after the answer, without a claim on attention. */
  after(entry) {
    const line = element("p", "lk-hints");
    line.append(element("bdi", "lk-quiet", entry.item.id), " you: ");
    line.append(element("bdi", "lk-chip", answerWords(entry.answer, this.reasons)));
    this.parts.after.replaceChildren(line, hintsShown(entry.hints));
  }

  forgetAfter() {
    this.parts.after.replaceChildren();
  }

  /** Which answer an item has that is looked at again. */
  pressed(looking) {
    const answer = looking?.answer;
    if (looking || this.marksAnswer) {
      for (const button of this.parts.labels.children) {
        const on = answer?.kind === "label" && answer.label === button.dataset.label;
        if (looking) button.setAttribute("aria-pressed", String(on));
        else button.removeAttribute("aria-pressed");
      }
    }
    this.marksAnswer = Boolean(looking);
    setHidden(this.parts.mode, !looking);
    if (!looking) return;
    const what = answerWords(answer, this.reasons);
    setText(this.parts.mode, `Looking back. You answered: ${what}. Answer anew to change it, n or → goes on.`);
    this.say(this.parts.mode.textContent);
  }

  // ---------------------------------------------------------------- the comment

  comment(text) {
    if (this.flagging) this.flagMode(false);
    if (this.parts.comment.value === text) return;
    this.parts.comment.value = text;
    this.grow();
  }

  /** As high as its text, up to a bound. */
  grow() {
    const { comment } = this.parts;
    comment.rows = Math.min(5, Math.max(1, comment.value.split("\n").length, Math.ceil(comment.value.length / 60)));
  }

  flagMode(on) {
    this.flagging = on;
    const word = window.matchMedia("(pointer: coarse)").matches ? "Comment" : "Comment (c)";
    setText(this.parts["flag-word"], on ? "Send flag" : "Flag");
    const touched = word === "Comment";
    const keys = touched ? "Then Send flag, or Cancel." : "Enter sends the flag, Escape goes back.";
    setText(this.parts["comment-help"], `Say what is wrong. ${keys}`);
    setHidden(this.cancel, !on);
    setHidden(this.parts["comment-help"], !on);
    this.parts.comment.placeholder = on ? "What is wrong with this item?" : word;
  }

  /** A flag says what is wrong: seen, and heard each time. */
  askFirst() {
    setText(this.parts["comment-help"], "Say what is wrong first.");
    this.say("");
    requestAnimationFrame(() => this.say("Say what is wrong first."));
  }

  // ---------------------------------------------------------------- the labels

  drawLabels(keys) {
    const buttons = Object.entries(keys).map(([label, key]) => {
      const button = element("button", "lk-label");
      button.type = "button";
      button.dataset.label = label;
      button.dataset.testid = `label-${label}`;
      if (key !== null) {
        const shown = element("kbd", "", key);
        shown.setAttribute("aria-hidden", "true");
        button.append(shown);
        button.setAttribute("aria-keyshortcuts", key);
      }
      const name = element("span", "", label);
      name.dir = "auto";
      button.append(name);
      return button;
    });
    this.parts.labels.replaceChildren(...buttons);
  }

  /** Which button a key has pressed, for a moment. */
  flash(label) {
    const button = [...this.parts.labels.children].find((one) => one.dataset.label === label);
    if (!button || window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    requestAnimationFrame(() => button.animate([{ outlineColor: "currentColor" }, { outlineColor: "transparent" }], 200));
  }
}

function setText(part, text) {
  if (part.textContent !== text) part.textContent = text;
}

function setHidden(part, hidden) {
  if (part.hidden !== hidden) part.hidden = hidden;
}
