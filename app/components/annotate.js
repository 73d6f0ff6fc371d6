// The Annotate page: brings the desk, the card, the status and the keys together.

const BLIND = 150; // ms after an item came up by itself, for somebody who went on pressing: not meant for it yet
const OLD_KEYS = 700; // ms after the keys have changed in which a press may be meant for the old ones
const NARROW = window.matchMedia("(max-width: 1099.98px)"); // as in the style sheet: the guidelines lie over the item

class AnnotatePage {
  constructor(data) {
    this.data = data;
    this.mounted = null; // ends the listeners of what is on screen
    this.living = new AbortController(); // ends those of the whole page
    this.view = new ItemView({ showFields: data.show_fields, imageHosts: data.image_hosts, words: data.words });
    this.missed = -Infinity; // when a press met an empty page
    this.keysAt = -Infinity; // when the keys of the labels changed
    this.unseen = 0; // ms for which the page was hidden while its item was on turn
    this.desk = new Desk(data, {
      shown: (alone) => this.show(alone),
      changed: () => this.update(),
      notice: (notice) => this.status?.tell(noticeOf(notice, data.reasons)),
      hints: (entry) => this.hints(entry),
      keys: (keys) => this.newKeys(keys),
    });
    this.listenToPage();
  }

  isFor(data) {
    return data.who === this.data.who && data.project === this.data.project;
  }

  // ---------------------------------------------------------------- into the page, and out of it

  /** Streamlit calls this after every run of the page, mostly with what is there already. */
  mount(root, data) {
    const same = this.root === root && this.mounted !== null;
    if (same && JSON.stringify(data) === JSON.stringify(this.data)) return;
    this.unmount(this.root);
    this.root = root;
    this.data = data;
    this.find(root);
    const notices = this.status?.notices.filter((notice) => notice.kind !== "halted") ?? [];
    this.status = new Status(this, data);
    this.card = new ItemCard(this, this.view, data.reasons, (words) => this.status.say(words));
    this.menu = new SkipMenu(this.parts.menu, this.buttons.skip, data.reasons, (code) => this.skip(code));
    this.earlier = new EarlierAnswers(this.parts.earlier, data.reasons, (number) => this.desk.open(number));
    this.drawKeys();
    this.buttons.highlight.hidden = this.view.pattern === null;
    this.listen();
    for (const notice of notices) this.status.tell(notice);
    this.showGuidelines();
    this.show(true);
    if (this.desk.current === null) this.desk.refill(true);
    else this.desk.signOfLife();
  }

  drawKeys() {
    const { keys, reasons } = this.data;
    const rows = Object.entries(keys);
    this.byKey = new Map(rows.filter(([, key]) => key !== null).map(([label, key]) => [key, label]));
    this.card.drawLabels(keys);
    this.parts.keys.replaceChildren(keyRows(rows, Object.keys(reasons)));
  }

  /** Somebody has set other keys while this page is open. */
  newKeys(keys) {
    if (!this.mounted || JSON.stringify(keys) === JSON.stringify(this.data.keys)) return;
    this.data = { ...this.data, keys };
    this.drawKeys();
    this.card.pressed(this.desk.looking);
    this.keysAt = performance.now();
    this.status.newKeys(keys, this.desk);
  }

  find(root) {
    const named = (name) => [...root.querySelectorAll(`[data-${name}]`)].map((one) => [one.dataset[name], one]);
    this.parts = Object.fromEntries(named("part"));
    this.buttons = Object.fromEntries(named("do"));
    this.text = root.querySelector('[data-testid="item-text"]');
    this.id = root.querySelector('[data-testid="item-id"]');
    this.save = root.querySelector('[data-testid="save-state"]');
  }

  unmount(root) {
    if (root !== this.root || this.mounted === null) return;
    this.mounted.abort();
    this.mounted = null;
    this.panelSeen?.disconnect();
    this.dialogSeen.disconnect();
    clearInterval(this.ticking);
  }

  /** Another person signed in without a reload. */
  close() {
    this.forget();
    this.desk.outbox.halt({ kind: "another" });
  }

  /** The person signs out: nothing of this page is written into the browser any more. */
  forget() {
    this.unmount(this.root);
    this.living.abort();
    removeKey(localStorage, `${this.desk.prefix}alive:${this.desk.tab.id}`);
    removeKey(localStorage, `${this.desk.prefix}goal`);
  }

  listen() {
    this.mounted = new AbortController();
    const { signal } = this.mounted;
    window.addEventListener("keydown", (event) => this.key(event), { signal });
    window.addEventListener("keydown", (event) => this.ownKey(event), { signal, capture: true });
    this.root.addEventListener("click", (event) => this.click(event), { signal });
    this.root.addEventListener("focusout", (event) => this.menu.focusLeft(event), { signal });
    this.parts.comment.addEventListener("keydown", (event) => this.commentKey(event), { signal });
    this.parts.comment.addEventListener("input", () => this.draft(), { signal });
    this.dialogSeen = keepWorking();
    NARROW.addEventListener("change", () => this.fitGuidelines(), { signal });
    this.ticking = setInterval(() => this.desk.signOfLife(), SIGN_OF_LIFE);
    this.desk.outbox.alive();
  }

  listenToPage() {
    const { desk } = this;
    const on = (where, name, act) => where.addEventListener(name, act, { signal: this.living.signal });
    on(window, "pagehide", () => desk.leave());
    on(window, "pageshow", (event) => event.persisted && desk.comeBack());
    on(window, "online", () => this.awake());
    on(window, "offline", () => this.update());
    on(window, "labelkit:signing-out", () => desk.outbox.halt({ kind: "leaving" }));
    on(window, "labelkit:staying", () => this.stayed());
    on(document, "visibilitychange", () => this.visibility());
    on(window, "storage", ({ key, newValue }) => {
      if (key !== "labelkit:person" || newValue === JSON.stringify(this.data.who)) return;
      desk.outbox.halt(newValue ? { kind: "another", name: JSON.parse(newValue) } : { kind: "signed-out" });
    });
  }

  awake() {
    this.desk.outbox.wake();
    if (this.mounted) this.desk.signOfLife();
    this.update();
  }

  stayed() {
    if (this.desk.outbox.halted?.kind === "leaving") this.desk.outbox.halted = null;
    this.awake();
  }

  /** Time in which nobody can see the item is not time spent on it. */
  visibility() {
    if (document.hidden) this.hiddenAt = performance.now();
    else {
      if (this.hiddenAt) this.unseen += performance.now() - this.hiddenAt;
      this.hiddenAt = 0;
      this.awake();
    }
  }

  // ---------------------------------------------------------------- what is on screen

  /** Put the item on turn on screen. `alone`: it came by itself, not by a press. */
  show(alone) {
    if (!this.mounted) return;
    this.shownAt = performance.now();
    this.alone = alone;
    this.unseen = 0;
    this.hiddenAt = document.hidden ? this.shownAt : 0;
    this.card.show(this.desk);
    this.update();
  }

  update() {
    if (this.mounted) this.status.update(this.desk);
  }

  hints(entry) {
    if (this.mounted && entry === this.desk.done.at(-1) && !this.desk.looking) this.card.after(entry);
  }

  // ---------------------------------------------------------------- presses

  click(event) {
    const target = event.target.closest("button");
    if (!target || target.disabled) return;
    if (target.dataset.label !== undefined) this.label(target.dataset.label);
    else if (target.dataset.skip !== undefined) this.skip(target.dataset.skip);
    else if (target.dataset.do) this.act(target.dataset.do);
  }

  act(name) {
    const acts = {
      undo: () => this.undo(),
      back: () => this.back(),
      next: () => this.next(),
      skip: () => this.desk.item && this.menu.open(!this.menu.isOpen),
      flag: () => this.flag(),
      unflag: () => this.unflag(),
      comment: () => this.parts.comment.focus(),
      highlight: () => this.highlight(),
      "close-guidelines": () => {
        this.guidelines(false);
        this.buttons.guidelines.focus();
      },
      guidelines: () => this.guidelines(!this.buttons.guidelines.matches('[aria-pressed="true"]'), true),
      earlier: () => this.earlier.show(this.desk.outbox.count),
      older: () => this.earlier.load(),
      help: () => this.parts.help.showModal(),
      look: () => this.desk.refill(true),
    };
    acts[name]?.();
  }

  key(event) {
    if (!isForUs(event, this.root)) return false;
    const acted = this.menu.isOpen ? this.menu.key(event) : this.pageKey(event);
    if (acted) event.preventDefault();
    return acted;
  }

  /** Keys that Streamlit uses for itself are taken before it sees them. */
  ownKey(event) {
    if (/^[cr]$/i.test(event.key) && this.key(event)) event.stopPropagation();
  }

  /** What a press means on the page; a key that is held means nothing more than its first press. */
  pageKey(event) {
    if (event.key === "Escape" && this.guidelinesCover) {
      this.guidelines(false);
      return true;
    }
    const key = meantKey(event, (one) => this.byKey.has(one) || Object.hasOwn(PAGE_KEYS, one));
    if (key === null) return false;
    if (event.repeat) return true;
    if (this.byKey.has(key)) {
      if (this.guidelinesCover || performance.now() - this.keysAt < OLD_KEYS) return true;
      const label = this.byKey.get(key);
      if (this.label(label)) this.card.flash(label);
    } else this.act(PAGE_KEYS[key]);
    return true;
  }

  commentKey(event) {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") this.unflag();
    else if (event.key === "Enter" && !event.shiftKey) {
      if (this.card.flagging) this.flag();
      else this.parts.comment.blur();
    } else return;
    event.preventDefault();
  }

  // ---------------------------------------------------------------- answers

  label(label) {
    return this.answer({ kind: "label", label });
  }

  skip(code) {
    this.menu.open(false);
    this.answer({ kind: "skip", skip: code });
  }

  /** A flag needs its comment: without one, the comment is asked for. What was typed stays in every case. */
  flag() {
    const { comment } = this.parts;
    if (comment.value.trim() === "") {
      const again = this.card.flagging;
      this.card.flagMode(true);
      comment.focus();
      if (again) this.card.askFirst();
    } else this.answer({ kind: "flag" });
  }

  /** No flag after all: what was typed stays as a comment. */
  unflag() {
    this.card.flagMode(false);
    this.parts.comment.blur();
  }

  /** Answer the item that is on screen now, and no other; says whether that was possible. */
  answer(what) {
    const { item, looking, halted } = this.desk;
    const now = performance.now();
    if (!item) this.missed = now;
    const blind = this.alone && this.shownAt - this.missed < 1000 && now - this.shownAt < BLIND;
    if (!item || halted || blind) return false;
    const comment = this.parts.comment.value.trim();
    const shown = { hints: item.hints || looking?.hints ? "before" : "none" };
    if (this.view.marked) shown.highlighted = true;
    if (looking) shown.revised = true;
    this.desk.answer(comment ? { ...what, comment } : what, (now - this.shownAt - this.unseen) / 1000, shown);
    if (document.activeElement === this.parts.comment) this.parts.comment.blur();
    return true;
  }

  undo() {
    if (this.desk.halted || !this.desk.undo()) return;
    this.card.forgetAfter();
    this.status.say("Undone. Its item is on screen again.");
  }

  back() {
    if (!this.desk.back() && !this.desk.looking) this.act("earlier");
  }

  next() {
    if (!this.desk.looking) return;
    this.desk.forward();
    this.show(false);
  }

  draft() {
    const { item } = this.desk;
    if (item) this.desk.drafts[item.token] = this.parts.comment.value;
    this.card.grow();
  }

  // ---------------------------------------------------------------- what else the page can do

  highlight() {
    if (this.view.pattern === null) return;
    this.card.mark(!this.view.marked, this.desk.item);
    this.buttons.highlight.setAttribute("aria-pressed", String(this.view.marked));
  }

  /** Whether the guidelines lie over the page: then no key answers what cannot be seen. */
  get guidelinesCover() {
    return NARROW.matches && this.buttons.guidelines.matches('[aria-pressed="true"]');
  }

  /** The guidelines are drawn by Streamlit beside this component; here they are shown and hidden. */
  guidelines(on, remember = false) {
    document.documentElement.dataset.lkGuidelines = on ? "open" : "closed";
    this.buttons.guidelines.setAttribute("aria-pressed", String(Boolean(on)));
    const background = getComputedStyle(this.root).getPropertyValue("--st-background-color");
    document.documentElement.style.setProperty("--lk-background", background);
    setHidden(this.buttons["close-guidelines"], !on);
    if (remember && !NARROW.matches) writeJson(localStorage, "labelkit:guidelines", on);
  }

  /** Open where there is room beside the item, closed where they would lie over it. */
  fitGuidelines() {
    const open = this.data.guidelines && !NARROW.matches && (readJson(localStorage, "labelkit:guidelines") ?? true);
    this.guidelines(Boolean(open));
  }

  /** Beside the item where there is room; and, whenever Streamlit has drawn them, a region that keys can scroll. */
  showGuidelines() {
    this.buttons.guidelines.hidden = !this.data.guidelines;
    this.fitGuidelines();
    if (!this.data.guidelines) return;
    const name = () => {
      const panel = document.querySelector(".st-key-guidelines");
      if (!panel) return;
      this.panelSeen.disconnect();
      Object.assign(panel, { tabIndex: 0, role: "region", ariaLabel: "Guidelines" });
    };
    this.panelSeen = new MutationObserver(name);
    this.panelSeen.observe(this.root.closest(".st-key-annotate-page") ?? document.body, { childList: true, subtree: true });
    name();
  }
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".lk-annotate");
  const there = window.labelkitAnnotate;
  if (!there?.isFor(data)) {
    there?.close();
    window.labelkitAnnotate = new AnnotatePage(data);
  }
  const page = window.labelkitAnnotate;
  page.mount(root, data);
  return () => page.unmount(root);
}
