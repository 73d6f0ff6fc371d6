// The Review page: an item, what everybody said about it, and one press that decides. Names, texts and comments are
// put into the page as text only.

const BLIND = 100; // ms after an item came up by itself, for somebody who went on pressing: not meant for it yet
const PAGE_KEYS = { u: "undo", b: "back", n: "later", e: "opinions", h: "names", c: "comment", w: "withdraw", g: "guidelines", arrowleft: "listBefore", arrowright: "listAfter", "?": "help" };

class ReviewPage {
  constructor(data) {
    this.data = data;
    this.view = new ItemView({ showFields: data.show_fields, imageHosts: data.image_hosts, words: [] });
    this.missed = -Infinity; // when a label key was pressed last that had no item to go to
    this.hideNames = readJson(localStorage, "labelkit:review-names") === "hidden";
    this.mounted = null;
    this.notices = [];
    this.desk = new ReviewDesk(data, {
      shown: (alone) => this.show(alone),
      changed: () => this.numbers(),
      notice: (text) => this.tell("refused", text),
      returned: (text) => this.wentWrong(text),
    });
    window.addEventListener("pagehide", () => {
      this.desk.box.beacon();
      this.desk.tab.leave();
    });
    window.addEventListener("online", () => this.desk.box.wake());
    window.addEventListener("labelkit:signing-out", ({ detail }) => detail?.push(this.desk.box));
  }

  isFor(data) {
    return data.who === this.data.who && data.project === this.data.project;
  }

  mount(root, data) {
    if (this.root === root && this.mounted && JSON.stringify(data) === JSON.stringify(this.data)) return;
    this.unmount(this.root);
    this.root = root;
    this.data = data;
    this.parts = Object.fromEntries([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
    this.buttons = Object.fromEntries([...root.querySelectorAll("[data-do]")].map((one) => [one.dataset.do, one]));
    this.drawLabels();
    this.drawKeys();
    this.toldHalt = null;
    this.mounted = new AbortController();
    const { signal } = this.mounted;
    window.addEventListener("keydown", (event) => this.key(event), { signal, capture: true });
    root.addEventListener("click", (event) => this.click(event), { signal });
    this.parts.comment.addEventListener("keydown", (event) => this.commentKey(event), { signal });
    this.desk.box.alive();
    this.dialogSeen = keepWorking();
    this.ticking = setInterval(() => this.tick(), 20_000);
    this.show();
    if (this.desk.current === null) this.desk.refill();
  }

  unmount(root) {
    if (root !== this.root || !this.mounted) return;
    this.mounted.abort();
    this.mounted = null;
    this.dialogSeen.disconnect();
    clearInterval(this.ticking);
  }

  close() {
    this.unmount(this.root);
    this.desk.box.halt({ kind: "another" });
  }

  /** An empty list fills by itself; other tabs see that this one lives. */
  tick() {
    this.desk.box.alive();
    this.desk.box.adopt(); // decisions of a tab that is gone
    if (!this.desk.current && !document.hidden && !this.desk.box.halted) this.desk.refill();
  }

  // ---------------------------------------------------------------- what is on screen

  /** Put the item on turn on screen. `alone`: it came by itself, not by a press. */
  show(alone = true) {
    if (!this.mounted) return;
    this.alone = alone;
    const { current: item } = this.desk;
    this.shownAt = performance.now();
    this.parts.desk.hidden = !item;
    this.parts.empty.hidden = Boolean(item);
    this.opinions = null;
    this.parts.opinions.hidden = true;
    this.parts.comment.value = "";
    this.drawNotices();
    this.notices = [];
    if (item) {
      const { text, fields } = this.view.build(item);
      this.root.querySelector('[data-testid="item-text"]').replaceChildren(text);
      this.root.querySelector('[data-testid="item-id"]').textContent = item.id;
      this.parts.fields.replaceChildren(fields);
      this.parts.role.hidden = !item.role;
      this.parts.role.textContent = ROLES[item.role] ?? "";
      this.mode(item);
      this.answers(item);
      this.parts.card.scrollTop = 0;
    }
    this.after();
    this.numbers();
  }

  /** What is special about the item on turn. */
  mode(item) {
    const words = [];
    if (item.decision) {
      const { label, reviewer, at, comment, answered } = item.decision;
      const own = answered ? ", who had answered it, too" : "";
      words.push(`Decided: ${label}, by ${this.name(reviewer)}${own}, ${moment(at)}${comment ? ` (“${comment}”)` : ""}.`);
      words.push("Another label decides anew.");
    }
    const mine = !item.decision && item.answers.some((answer) => answer.mine);
    if (mine) words.push("Your own answer is one of these. Leave it to another reviewer (n) where there is one.");
    if (item.waits) words.push("Another person is still to be asked about this item. Decide it only if that should not wait.");
    this.parts.mode.hidden = words.length === 0;
    this.parts.mode.textContent = words.join(" ");
    this.buttons.withdraw.hidden = !item.decision;
  }

  /** Everybody's answer side by side, and how often each label was given. */
  answers(item) {
    const order = Object.keys(this.data.keys);
    this.people = new Map(item.answers.map((answer, number) => [answer.annotator, number + 1]));
    const sorted = inOrder(item.answers, order);
    this.parts.answers.replaceChildren(...sorted.map((answer) => answerShown(answer, order, (person) => this.name(person))));
    const tally = tallyOf(sorted);
    this.parts.tally.textContent = tallyWords(tally);
    for (const button of this.parts.labels.children) {
      const times = tally.get(button.dataset.label) ?? 0;
      button.lastChild.textContent = times ? `×${times}` : "";
      button.setAttribute("aria-pressed", String(item.decision?.label === button.dataset.label));
    }
  }

  name(person) {
    if (!this.hideNames || person === this.data.who) return person;
    const number = this.people?.get(person);
    return number ? `Person ${number}` : "another reviewer";
  }

  after() {
    const last = this.desk.done.at(-1);
    this.parts.after.hidden = !last;
    if (!last) return;
    const what = element("b", "", last.label);
    what.dir = "auto";
    this.parts.after.replaceChildren("Decided last: ", element("bdi", "", last.item.id), " ", what, ". u takes it back.");
  }

  numbers() {
    if (!this.mounted) return;
    const { desk } = this;
    for (const button of this.root.querySelectorAll("[data-list]")) {
      const on = button.dataset.list === desk.list;
      button.setAttribute("aria-pressed", String(on));
      button.lastChild.textContent = desk.counts ? desk.counts[button.dataset.list].toLocaleString("en") : "";
    }
    this.buttons.undo.disabled = desk.done.length === 0;
    this.buttons.names.setAttribute("aria-pressed", String(this.hideNames));
    this.saving();
    if (!desk.current) this.empty();
  }

  saving() {
    const { box } = this.desk;
    const waiting = box.count;
    const words = { saved: "Saved", sending: `Sending ${waiting}`, offline: `Offline, ${waiting} waiting`, halted: `Stopped, ${waiting} waiting` };
    this.parts.save.textContent = words[box.state];
    const pill = this.parts.save.parentElement;
    if (pill.dataset.state !== box.state && box.state === "offline") this.say("Offline. Decisions wait in this browser.");
    pill.dataset.state = box.state;
    if (box.halted !== this.toldHalt) this.halted(box);
  }

  /** Nothing can be sent any more: said until it is over, while everything stays in this browser. */
  halted(box) {
    this.toldHalt = box.halted;
    for (const button of this.parts.labels.children) button.disabled = Boolean(box.halted);
    if (box.halted) this.say(haltText(box, this.data.who));
    this.drawNotices();
  }

  empty() {
    const { desk } = this;
    const off = desk.putOff[desk.list].size;
    let [title, text] = EMPTY[desk.list];
    if (desk.trouble) [title, text] = [`${desk.trouble.message}.`, desk.trouble.hint || "It tries again by itself."];
    else if (!desk.counts) [title, text] = ["Fetching items…", ""];
    else if (desk.list === "disputed" && !off && desk.counts.waiting) text = `${desk.counts.waiting.toLocaleString("en")} disputed ${desk.counts.waiting === 1 ? "item waits" : "items wait"} for a third person's answer.`;
    else if (off) [title, text] = ["All others are done.", `You put off ${off} ${off === 1 ? "item" : "items"}.`];
    this.parts["empty-title"].textContent = title;
    this.parts["empty-text"].textContent = text;
    this.buttons.look.hidden = !(off || desk.trouble);
  }

  /** A message that stays until another item is on screen. */
  tell(kind, text) {
    this.notices.push({ kind, text });
    this.say(text);
    this.drawNotices();
  }

  /** An earlier decision was not taken: its item waits to be looked at, and what is read here stays. */
  wentWrong(text) {
    this.say(`A decision was not taken. ${text} b goes back to its item.`);
    this.drawNotices();
    this.numbers();
  }

  drawNotices() {
    if (!this.mounted) return;
    const returned = this.desk.returned.slice(0, 3).map((entry, place) => returnedShown(entry, place === 0));
    const { box } = this.desk;
    const halted = box.halted ? [haltShown(box, this.data.who)] : [];
    this.parts.notices.replaceChildren(...halted, ...returned, ...this.notices.slice(-3).map(noticeShown));
  }

  say(words) {
    if (this.parts) this.parts.said.textContent = words;
  }

  // ---------------------------------------------------------------- buttons and keys

  drawLabels() {
    this.parts.labels.replaceChildren(...labelButtons(this.data.keys));
    this.byKey = new Map(Object.entries(this.data.keys).filter(([, key]) => key !== null).map(([label, key]) => [key, label]));
    if (this.byKey.has("w")) this.buttons.withdraw.querySelector("kbd").hidden = true;
  }

  drawKeys() {
    const rows = Object.entries({ ...KEY_WORDS, ...Object.fromEntries([...this.byKey].map(([key, label]) => [key, `decide ${label}`])) });
    this.parts.keys.replaceChildren(...rows.flatMap(([key, words]) => {
      const term = element("dt");
      term.append(element("kbd", "", key));
      return [term, element("dd", "", words)];
    }));
  }

  click(event) {
    const target = event.target.closest("button");
    if (!target || target.disabled) return;
    if (target.dataset.label !== undefined) this.decide(target.dataset.label);
    else if (target.dataset.list) this.desk.switchTo(target.dataset.list);
    else if (target.dataset.do) this.act(target.dataset.do);
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || this.root.querySelector("dialog[open]")) return;
    if (event.target.closest?.('input, textarea, select, [contenteditable], [role="dialog"], [role="menu"]')) return;
    const key = event.key.toLowerCase();
    const known = this.byKey.has(key) || Object.hasOwn(PAGE_KEYS, key);
    if (!known || (key.startsWith("arrow") && event.target.closest?.(".lk-scroll"))) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Streamlit has keys of its own
    if (event.repeat) return;
    if (!this.byKey.has(key)) this.act(PAGE_KEYS[key]);
    else this.decideByKey(this.byKey.get(key));
  }

  /** Whoever went on pressing while no item was there does not mean the one that comes up by itself just then. */
  decideByKey(label) {
    const now = performance.now();
    const blind = this.alone && this.shownAt - this.missed < 1000 && now - this.shownAt < BLIND;
    if (!this.desk.current || blind) this.missed = now;
    else this.decide(label);
  }

  commentKey(event) {
    if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) {
      event.preventDefault();
      this.parts.card.focus();
    }
  }

  act(name) {
    const { desk } = this;
    const acts = {
      undo: () => desk.undo(),
      back: () => desk.goBack(),
      later: () => desk.current && desk.later(),
      withdraw: () => desk.current?.decision && desk.takeBack(),
      opinions: () => this.askOpinions(),
      names: () => this.toggleNames(),
      comment: () => desk.current && this.parts.comment.focus(),
      listBefore: () => this.moveList(-1),
      listAfter: () => this.moveList(1),
      guidelines: () => document.querySelector(".st-key-review-guidelines summary")?.click(),
      help: () => this.parts.help.showModal(),
      look: () => desk.lookAgain(),
    };
    acts[name]?.();
  }

  moveList(step) {
    const place = LISTS.indexOf(this.desk.list) + step;
    if (!LISTS[place]) return;
    this.desk.switchTo(LISTS[place]);
    this.say(this.root.querySelector(`[data-list="${LISTS[place]}"] span`).textContent);
  }

  decide(label) {
    const { desk } = this;
    if (!desk.current || desk.box.halted) return;
    const comment = this.parts.comment.value.trim();
    if (this.root.contains(document.activeElement) && document.activeElement.tagName === "TEXTAREA") this.parts.card.focus();
    desk.decide(label, comment, { opinions: this.opinions !== null, names: !this.hideNames });
  }

  toggleNames() {
    this.hideNames = !this.hideNames;
    writeJson(localStorage, "labelkit:review-names", this.hideNames ? "hidden" : "shown");
    if (this.desk.current) {
      this.answers(this.desk.current);
      this.mode(this.desk.current);
    }
    this.numbers();
    this.say(this.hideNames ? "Names are hidden" : "Names are shown");
  }

  /** Votes and guess of this item, until the next one. */
  async askOpinions() {
    const { current: item } = this.desk;
    if (!item) return;
    if (this.opinions !== null) {
      this.parts.opinions.hidden = !this.parts.opinions.hidden;
      return;
    }
    try {
      const found = await request("GET", `/review/items/${item.item}/opinions`);
      if (this.desk.current !== item) return;
      this.opinions = found;
      this.parts.opinions.replaceChildren(...opinionsShown(found));
      this.parts.opinions.hidden = false;
      this.say(this.parts.opinions.textContent);
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      this.tell("refused", `${problem.message}.`);
    }
  }
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".lk-review");
  if (!window.labelkitReview?.isFor(data)) {
    window.labelkitReview?.close();
    window.labelkitReview = new ReviewPage(data);
  }
  const page = window.labelkitReview;
  page.mount(root, data);
  return () => page.unmount(root);
}
