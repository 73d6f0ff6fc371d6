// The work on one page: the items it holds, what was answered, what can be undone. Nothing here touches the DOM,
// and nothing that a person does waits for the server.

const AHEAD_SECONDS = 3; // items for so long a time at the present pace are fetched ahead
const MOST_HELD = 60;
const MOST_NAMED = 200; // tokens in a request; only after very many undos are there more
const LOOK_AGAIN = 15_000; // ms until an empty queue is asked again
const SIGN_OF_LIFE = 25_000;
const KEPT_OVER_RELOAD = 100; // answers that can be undone after a reload
const RELEASE_ARRIVES = 400; // ms, mostly, until the server has what a page sent as it closed
const DAYS_GOAL = 100; // answers

class Desk {
  /** `told`: `shown(alone)` another item is on turn; `changed()` numbers, states; `notice(notice)`; `hints(entry)`; `keys(keys)`. */
  constructor({ project, who, batch }, told) {
    this.prefix = storagePrefix(project, who);
    this.who = who;
    this.batchSize = batch;
    this.told = told;
    this.tab = new Tab(this.prefix);
    this.queue = []; // items to come
    this.current = null; // the item on turn
    this.done = []; // {item, answer, hints, at}, in order
    this.looking = null; // an entry of `done`, or one opened from the earlier answers: looked at again
    this.opened = false; // it was chosen from the earlier answers: after it, the item on turn comes back
    this.operations = []; // what undo takes back: {entry} or {entry, before}
    this.progress = null;
    this.goal = null; // of the day
    this.asking = false;
    this.dry = 0; // when the queue had nothing more
    this.notBefore = 0; // by performance.now(): the server asked to be left alone until then
    this.trouble = null; // a refusal that keeps items from coming
    this.drafts = readJson(sessionStorage, `${this.prefix}drafts`) ?? {};
    this.restore();
    this.outbox = new Outbox(project, who, this.tab, {
      changed: () => told.changed(),
      progress: (progress) => this.counted(progress),
      result: (answer, result) => this.acknowledged(answer, result),
    });
  }

  /** The item on screen, or null. */
  get item() {
    return this.looking ? this.looking.item : this.current;
  }

  get halted() {
    return this.outbox.halted;
  }

  // ---------------------------------------------------------------- what a person does

  /** Answer the item on screen. `what`: {kind, label?, skip?, comment?}; `shown`: how it was shown. */
  answer(what, seconds, shown) {
    const entry = this.looking ?? { item: this.current, at: Date.now() };
    const before = this.looking ? entry.answer : null;
    const first = before === null || before === undefined;
    entry.answer = what;
    this.operations.push(first ? { entry } : { entry, before });
    if (this.looking) this.forward();
    else {
      this.done.push(entry);
      this.current = this.queue.shift() ?? null;
    }
    delete this.drafts[entry.item.token];
    this.told.shown(false);
    this.send(entry, what, first ? 1 : 0, seconds, shown);
    this.refill();
  }

  /** Take back the last answer (or its last change) and show its item again. */
  undo() {
    const operation = this.operations.pop();
    if (!operation) return false;
    const { entry, before } = operation;
    if (before) {
      entry.answer = before;
      this.looking = entry;
      this.told.shown(false);
      this.send(entry, before, 0, null, null);
      return true;
    }
    this.done = this.done.filter((one) => one !== entry);
    if (entry.answer.comment) this.drafts[entry.item.token] = entry.answer.comment;
    if (this.current) this.queue.unshift(this.current);
    this.current = entry.item;
    this.looking = null;
    this.told.shown(false);
    this.send(entry, { kind: "withdraw" }, -1, null, null);
    return true;
  }

  /** Look at the answer before; false if there is none on this page. */
  back() {
    const place = this.looking ? this.done.indexOf(this.looking) : this.done.length;
    const before = place < 0 ? this.done.at(-1) : this.done[place - 1];
    if (!before) return false;
    this.looking = before;
    this.opened = false;
    this.told.shown(false);
    return true;
  }

  /** On to the next answer, and from the last one to the item on turn. */
  forward() {
    const place = this.done.indexOf(this.looking);
    this.looking = place < 0 || this.opened ? null : (this.done[place + 1] ?? null);
    this.opened = false;
  }

  /** Look at an earlier answer again. Of another day, its item is fetched; throws Refusal. */
  async open(number) {
    const near = this.done.find((one) => one.item.item === number);
    if (near) this.looking = near;
    else {
      const body = { client: this.tab.id, annotator: this.who, item: number };
      const { item, earlier } = await request("POST", "/answers/reopen", body);
      const { kind, label, skip, comment } = earlier;
      this.looking = { item, answer: { kind, label, skip, comment }, hints: item.hints };
    }
    this.opened = true;
    this.told.shown(false);
  }

  // ---------------------------------------------------------------- to the server

  send(entry, what, step, seconds, shown) {
    const { item } = entry;
    this.outbox.put({
      client: this.tab.id,
      step,
      title: item.id,
      sequence: this.tab.next(),
      item: item.item,
      token: item.token,
      content: item.content,
      seconds: seconds === null ? undefined : Math.max(0, Math.round(seconds * 1000) / 1000),
      shown: shown ?? undefined,
      ...what,
    });
  }

  acknowledged(answer, result) {
    const entry = this.done.find((one) => one.item.token === answer.token) ?? this.looking;
    if (result.hints && entry?.item.token === answer.token) {
      entry.hints = result.hints;
      this.told.hints(entry);
    }
    if (result.status === "late" || result.status === "refused") this.told.notice({ answer, result });
  }

  /** Numbers from the server; what still waits here is added to them. */
  counted(progress) {
    if (progress) {
      this.progress = progress;
      this.goal = dayGoal(`${this.prefix}goal`, progress, this.goal);
    }
    this.told.changed();
  }

  /** {answered, today, goal} as they are once everything that waits has arrived. */
  get numbers() {
    if (!this.progress) return null;
    let step = 0;
    for (const answer of this.outbox.waiting.values()) if (answer.client === this.tab.id) step += answer.step ?? 0;
    const { answered, today } = this.progress;
    return { answered: answered + step, today: today + step, goal: this.goal.goal };
  }

  /** Answers per minute over the last ones without a break, or null. */
  get pace() {
    const times = this.done.slice(-20).map((entry) => entry.at);
    let first = times.length - 1;
    while (first > 0 && times[first] - times[first - 1] < 120_000) first -= 1;
    const count = times.length - 1 - first;
    return count < 3 ? null : (count * 60_000) / Math.max(1, times.at(-1) - times[first]);
  }

  // ---------------------------------------------------------------- items from the server

  get held() {
    return this.current ? [this.current, ...this.queue] : this.queue;
  }

  /** Their tokens, but those whose undo is still on its way: for the server their leases are over until it arrives. */
  get tokens() {
    const all = this.held.map((item) => item.token).filter((token) => !this.outbox.has(token));
    return all.slice(0, MOST_NAMED);
  }

  /** Fetch more when half of what should be here is left. */
  refill(now = false) {
    const wanted = this.wanted();
    const emptied = this.current === null && Date.now() - this.dry > 1000;
    const low = this.held.length <= wanted / 2 && Date.now() - this.dry > LOOK_AGAIN;
    if (!this.asking && !this.halted && !this.isTooSoon && (now || emptied || low)) this.ask(wanted);
  }

  get isTooSoon() {
    return performance.now() < this.notBefore;
  }

  /** As many as were set, or more for somebody who is quick. */
  wanted() {
    const since = Date.now() - 1000;
    const lately = this.done.slice(-MOST_HELD).filter((entry) => entry.at > since).length;
    return Math.max(this.batchSize, Math.min(MOST_HELD, lately * AHEAD_SECONDS));
  }

  async ask(want) {
    this.asking = true;
    try {
      const held = this.tokens;
      const onTheWay = new Set([...this.outbox.waiting.values()].map((answer) => answer.token)).size;
      const body = { client: this.tab.id, annotator: this.who, want: Math.min(100, want + onTheWay), held };
      const added = this.take(await this.afterRelease(body));
      this.trouble = null;
      this.dry = added > 0 ? 0 : Date.now();
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      this.refused(problem);
    } finally {
      this.asking = false;
      this.told.changed();
    }
  }

  /** What the server gives; after a reload not what the page before it is giving back at this moment. */
  async afterRelease(body) {
    let given = await request("POST", "/leases", body);
    for (let tries = 0; tries < 2 && given.items.some((item) => this.released.tokens.includes(item.token)); tries += 1) {
      await new Promise((done) => setTimeout(done, RELEASE_ARRIVES));
      given = await request("POST", "/leases", body);
    }
    const place = new Map(this.released.items.map((item, order) => [item, order]));
    given.items.sort((one, other) => (place.get(one.item) ?? MOST_HELD) - (place.get(other.item) ?? MOST_HELD));
    this.released = { tokens: [], items: [] };
    return given;
  }

  /** Put what the server gave behind what is here; returns how many were new. */
  take({ items, ended, progress }) {
    this.lose(ended ?? []);
    const known = new Map(this.held.map((item) => [item.item, item]));
    const answered = new Set(this.done.map((entry) => entry.item.token));
    let added = 0;
    for (const item of items) {
      const here = known.get(item.item);
      if (here && here.content === item.content) Object.assign(here, { token: item.token, expires_at: item.expires_at });
      else if (!here && item.token !== this.looking?.item?.token && !answered.has(item.token) && !this.outbox.has(item.token))
        added = this.queue.push(item);
    }
    if (this.current === null && this.queue.length > 0) {
      this.current = this.queue.shift();
      if (!this.looking) this.told.shown(true);
    }
    this.counted(progress);
    return added;
  }

  /** Leases that are over: their items go, but never the one that somebody is reading. */
  lose(tokens) {
    const over = new Set(tokens);
    const kept = (item) => !over.has(item.token) || this.outbox.has(item.token);
    if (over.size > 0) this.queue = this.queue.filter(kept);
  }

  refused(problem) {
    this.dry = Date.now();
    this.trouble = problem;
    if (problem.wait > 0) {
      const pause = later(problem.wait);
      this.notBefore = performance.now() + pause;
      setTimeout(() => this.refill(this.current === null), pause + 1);
    }
    if (problem.status === 401) this.outbox.halt({ kind: "signed-out" });
    else if (problem.status === 403) {
      this.outbox.halt({ kind: "denied", message: problem.message, hint: problem.hint });
    } else if (problem.kind === "OtherPerson") this.outbox.halt({ kind: "another" });
  }

  /** Every half minute: the leases go on, and an empty page looks again. */
  async signOfLife() {
    this.outbox.alive();
    this.outbox.adopt();
    if (this.halted || this.isTooSoon) return;
    const { tokens } = this;
    if (tokens.length === 0) {
      this.refill(true);
      return;
    }
    try {
      const reply = await request("POST", "/leases/renew", { client: this.tab.id, annotator: this.who, tokens });
      this.lose(reply.ended);
      this.counted(reply.progress);
      if (reply.keys) this.told.keys(reply.keys);
      this.refill(reply.ended.length > 0);
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      if (problem.status !== 0 || problem.wait > 0) this.refused(problem);
    }
    this.told.changed();
  }

  // ---------------------------------------------------------------- leaving and coming back

  /** The page closes: what waits is sent, what nobody answers goes back to the queue. */
  leave() {
    this.outbox.beacon();
    const { tokens } = this;
    if (!this.halted && tokens.length > 0) {
      sendBeacon("/leases/release", { client: this.tab.id, annotator: this.who, tokens });
    }
    const released = { tokens, items: this.held.map((item) => item.item) };
    writeJson(sessionStorage, `${this.prefix}released`, released);
    const kept = this.done.slice(-KEPT_OVER_RELOAD);
    const size = kept.reduce((sum, entry) => sum + (entry.item.text?.length ?? 0), 0);
    writeJson(sessionStorage, `${this.prefix}done`, size < 1_000_000 ? kept : kept.slice(-10));
    writeJson(sessionStorage, `${this.prefix}drafts`, this.drafts);
    removeKey(localStorage, `${this.prefix}alive:${this.tab.id}`);
    this.tab.leave();
  }

  /** The browser shows the page again as it was left. */
  comeBack() {
    this.tab.stay();
    this.refill(true);
  }

  restore() {
    const kept = readJson(sessionStorage, `${this.prefix}done`);
    this.released = readJson(sessionStorage, `${this.prefix}released`) ?? { tokens: [], items: [] };
    removeKey(sessionStorage, `${this.prefix}done`);
    removeKey(sessionStorage, `${this.prefix}released`);
    if (!Array.isArray(kept) || this.tab.sequence === 0) return; // a duplicate of a tab has nothing of its own
    this.done = kept;
    this.operations = kept.map((entry) => ({ entry }));
  }
}

/**
 * How many answers are today's goal: a round number, or fewer where fewer are left. It never grows within a day:
 * a queue that is made anew takes no progress away, and nobody learns from it which items are not of the queue.
 */
function dayGoal(place, { today, left }, known) {
  const day = new Date().toDateString();
  const kept = readJson(localStorage, place);
  const before = kept?.day === day ? kept.goal : known?.day === day ? known.goal : DAYS_GOAL;
  const goal = { day, goal: Math.min(before, Math.max(1, Math.ceil((today + left) / 10) * 10)) };
  if (kept?.day !== day || kept.goal !== goal.goal) writeJson(localStorage, place, goal);
  return goal;
}
