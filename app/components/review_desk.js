// The work of one reviewer: the items in hand, what was decided, what can be undone. Nothing here touches the DOM,
// and no press waits for the server.

const HELD = 8; // items fetched at once
const FEW = 3; // with so few left, more are fetched
const LISTS = ["disputed", "waiting", "flagged", "late", "decided"];

/** Decisions on their way to the server; they wait in the browser's storage until they are acknowledged. */
class DecisionBox extends Outbox {
  async sendBatch(batch) {
    const { client } = batch[0][1];
    const decisions = batch.map(([, decision]) => forServer(decision));
    try {
      return await this.settle(batch, await request("POST", "/review/decisions", { client, reviewer: this.who, decisions }));
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      return this.failed(batch, problem);
    }
  }

  beacon() {
    if (this.halted || this.waiting.size === 0) return;
    const batch = this.batch();
    const decisions = batch.map(([, decision]) => forServer(decision));
    sendBeacon("/review/decisions", { client: batch[0][1].client, reviewer: this.who, decisions });
  }

  /** Numbers of the items whose decisions are not acknowledged yet. */
  get items() {
    return [...this.waiting.values()].map((decision) => decision.item);
  }
}

class ReviewDesk {
  /**
   * `told`: `shown(alone)` another item is on turn, by itself or by a press; `changed()` numbers or states;
   * `notice(text)` something went wrong; `returned(text)` an item is to be looked at again.
   */
  constructor({ project, who }, told) {
    const place = `${project}:review`; // decisions are kept apart from answers
    this.told = told;
    this.tab = new Tab(storagePrefix(place, who));
    this.list = "disputed";
    this.queue = [];
    this.current = null;
    this.done = []; // {list, item, sequence}: what undo takes back, the last one first
    this.putOff = Object.fromEntries(LISTS.map((list) => [list, new Set()]));
    this.refused = new Set(); // sequences of decisions that were not taken
    this.returned = []; // {list, item, words}: items of such decisions as they are now, to go back to
    this.counts = null;
    this.asking = 0;
    this.dry = false;
    this.trouble = null;
    this.notBefore = 0; // by performance.now(): the server asked to be left alone until then
    this.box = new DecisionBox(place, who, this.tab, {
      changed: () => told.changed(),
      result: (decision, result) => this.settled(decision, result),
    });
  }

  // ---------------------------------------------------------------- what a reviewer does

  decide(label, comment, shown) {
    const { current: item } = this;
    const sequence = this.tab.next();
    const { content, state } = item;
    this.box.put({ client: this.tab.id, sequence, item: item.item, content, state, label, comment: comment || null, shown });
    this.done.push({ list: this.list, item, sequence, label });
    this.count(-1);
    this.next();
  }

  /** Take the last decision of this page back; its item is on turn again. */
  undo() {
    const last = this.done.pop();
    if (last === undefined) return false;
    this.withdraw({ of: last.sequence, item: last.item.item });
    if (last.list !== this.list) this.start(last.list);
    else if (this.current) this.queue.unshift(this.current);
    this.count(1);
    this.current = last.item;
    this.told.shown(false);
    return true;
  }

  /** Take back the decision that stands on the item in hand, whoever made it. */
  takeBack() {
    const { decision, item } = this.current;
    this.withdraw({ decision: decision.id, item });
    this.counts.decided -= 1;
    this.next();
  }

  withdraw(what) {
    this.box.put({ client: this.tab.id, sequence: this.tab.next(), ...what });
  }

  /** Go on; this item comes again when the others are done. */
  later() {
    this.putOff[this.list].add(this.current.item);
    this.next();
  }

  lookAgain() {
    this.putOff[this.list].clear();
    this.dry = false;
    this.refill();
  }

  start(list) {
    this.list = list;
    this.queue = [];
    this.current = null;
    this.dry = false;
    this.trouble = null;
    this.asking = 0;
    this.turn = {}; // replies to what was asked before no longer matter
  }

  switchTo(list) {
    this.start(list);
    this.told.shown(false);
    this.refill();
  }

  /** Go back to the first item whose decision was not taken; the one on screen comes after it. */
  goBack() {
    const [entry] = this.returned;
    if (entry === undefined) return false;
    this.returned.shift();
    if (entry.list !== this.list) this.start(entry.list);
    else if (this.current) this.queue.unshift(this.current);
    this.current = entry.item;
    this.told.notice(`Your decision was not taken: ${entry.words}`);
    this.told.shown(false);
    return true;
  }

  // ---------------------------------------------------------------- items

  next(alone = false) {
    this.current = this.queue.shift() ?? null;
    if (this.queue.length < FEW && !this.dry) this.refill();
    this.told.shown(alone);
  }

  count(change) {
    if (!this.counts || this.list === "decided") return;
    this.counts[this.list] += change;
    this.counts.decided -= change;
  }

  get known() {
    const returned = this.returned.map((entry) => entry.item);
    const inHand = [this.current, ...this.queue, ...returned].filter(Boolean).map((item) => item.item);
    return [...new Set([...inHand, ...this.putOff[this.list], ...this.box.items])].slice(0, 5000);
  }

  async refill() {
    if (this.asking || performance.now() < this.notBefore) return;
    this.turn ??= {};
    const { turn, list } = this;
    this.asking += 1;
    this.told.changed();
    try {
      const { items, counts } = await request("POST", "/review/items", { list, want: HELD, without: this.known });
      if (turn !== this.turn) return;
      this.counts = counts;
      this.trouble = null;
      const known = new Set(this.known);
      this.queue.push(...items.filter((item) => !known.has(item.item)));
      this.dry = items.length < HELD;
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      if (turn === this.turn) this.failed(problem);
    } finally {
      if (turn === this.turn) this.asking = 0;
    }
    if (turn !== this.turn) return;
    if (this.current === null && this.queue.length > 0) this.next(true);
    else this.told.changed();
  }

  // ---------------------------------------------------------------- what the server says

  /** Items could not be fetched. Who may not review any more sends nothing more either; it all waits. */
  failed(problem) {
    this.trouble = problem;
    if (problem.status === 401 || problem.status === 403) this.box.failed([], problem);
    if (problem.wait === 0) return;
    const pause = later(problem.wait);
    this.notBefore = performance.now() + pause;
    setTimeout(() => this.current === null && this.refill(), pause + 1);
  }

  settled(decision, result) {
    if (result.status !== "refused") return;
    const takesBack = decision.of !== undefined || decision.decision !== undefined;
    if (takesBack && this.refused.has(decision.of)) return; // it was never taken
    this.refused.add(decision.sequence);
    const made = this.done.find((one) => one.sequence === decision.sequence);
    this.done = this.done.filter((one) => one !== made);
    const words = [result.message, result.hint].filter(Boolean).map((part) => `${part}.`).join(" ");
    this.dry = false;
    if (result.current) this.comesBack({ ...result.current, changed: true }, made?.list ?? this.list, words);
    else this.told.notice(`Not taken: ${words}`);
  }

  /** An item as it is now, whose decision was not taken: never in the place of another one that is being read. */
  comesBack(item, list, words) {
    this.queue = this.queue.filter((one) => one.item !== item.item);
    this.returned = this.returned.filter((entry) => entry.item.item !== item.item);
    this.returned.push({ list, item, words });
    if (this.current === null) this.goBack();
    else if (this.current.item === item.item) {
      this.returned.pop();
      this.current = item;
      this.told.notice(`Your decision was not taken: ${words}`);
      this.told.shown(true);
    } else this.told.returned(words);
  }
}
