// Answers on their way to the server. An answer is written into the browser's storage when it is given and is
// removed when the server has acknowledged it: a reload, a lost connection and a restart of the server lose nothing.

const MOST_AT_ONCE = 40;
const MOST_CHARACTERS = 300_000; // of a request; the server takes a million bytes
const LONGEST_PAUSE = 15_000; // ms between two tries where the server is there, but in trouble
const LONGEST_ABSENCE = 2_500; // ms between two tries to reach it at all: what waits arrives soon after it is back
const SILENT_TAB = 150_000; // ms without a sign of life, after which another tab sends what this one left

/**
 * The answers of one person in one project that wait, and the sending of them.
 *
 * `told` is called with what happens: `changed()`, `result(answer, result)`, `progress(progress)`.
 * Every answer has a key of its own in localStorage, so two tabs never write over each other.
 */
class Outbox {
  constructor(project, who, tab, told = {}) {
    this.who = who;
    this.prefix = storagePrefix(project, who);
    this.tab = tab;
    this.told = told;
    this.waiting = new Map(); // key → answer, in the order of sending
    this.sending = false;
    this.tries = 0;
    this.notBefore = 0; // by performance.now(): the server asked to be left alone until then
    this.unkept = false; // storage did not take an answer: it waits in this page only
    this.halted = null; // a reason in words' terms why nothing is sent any more
    this.timer = null;
    if (tab) this.adopt();
  }

  /** saved, sending, offline or halted: what people see. */
  get state() {
    if (this.halted) return "halted";
    if (this.waiting.size === 0) return "saved";
    return this.tries > 0 || navigator.onLine === false ? "offline" : "sending";
  }

  /** How many items have something that waits here: an answer, its undo and another one are still one item's. */
  get count() {
    return new Set([...this.waiting.values()].map((answer) => answer.item)).size;
  }

  /** Whether an answer with this lease token still waits here. */
  has(token) {
    return [...this.waiting.values()].some((answer) => answer.token === token);
  }

  put(answer) {
    const key = `${this.prefix}answer:${answer.client}:${String(answer.sequence).padStart(9, "0")}`;
    this.waiting.set(key, answer);
    if (!writeJson(localStorage, key, answer)) this.unkept = true;
    this.told.changed?.();
    if (this.tries === 0) this.soon(0);
  }

  /** Take over what waits in the browser: of this tab before a reload, and of tabs that are gone. */
  adopt(everything = false) {
    for (const key of storedKeys(`${this.prefix}answer:`)) {
      const client = key.slice(this.prefix.length).split(":")[1];
      if (this.waiting.has(key) || !(everything || client === this.tab?.id || this.isGone(client))) continue;
      const answer = readJson(localStorage, key);
      if (answer === null) removeKey(localStorage, key);
      else this.waiting.set(key, answer);
    }
    if (this.waiting.size > 0) this.soon(0);
  }

  isGone(client) {
    const seen = readJson(localStorage, `${this.prefix}alive:${client}`);
    return typeof seen !== "number" || Math.abs(Date.now() - seen) > SILENT_TAB;
  }

  /** A sign of life for the other tabs of this person. */
  alive() {
    writeJson(localStorage, `${this.prefix}alive:${this.tab.id}`, Date.now());
  }

  soon(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), Math.max(pause, this.notBefore - performance.now()));
  }

  /** Try again now, or when the server wants: the connection is back, or somebody looks at the page again. */
  wake() {
    if (this.waiting.size > 0) this.soon(0);
  }

  halt(reason) {
    clearTimeout(this.timer);
    this.halted = reason;
    this.told.changed?.();
  }

  /** Send everything, in order and in batches; comes back when nothing waits or it has to pause. */
  async send() {
    if (this.sending || this.halted) return;
    this.sending = true;
    try {
      while (this.waiting.size > 0 && !this.halted) {
        const batch = this.batch();
        if (!(await this.sendBatch(batch))) break;
      }
    } finally {
      this.sending = false;
      this.told.changed?.();
    }
  }

  /** The next answers of one tab, in the order in which they were given. */
  batch() {
    const some = [];
    let size = 0;
    for (const [key, answer] of this.waiting) {
      size += (answer.comment?.length ?? 0) + 400;
      if (some.length > 0 && (answer.client !== some[0][1].client || size > MOST_CHARACTERS)) break;
      some.push([key, answer]);
      if (some.length === (this.oneByOne ? 1 : MOST_AT_ONCE)) break;
    }
    return some;
  }

  async sendBatch(batch) {
    const { client } = batch[0][1];
    const answers = batch.map(([, answer]) => forServer(answer));
    try {
      const reply = await request("POST", "/answers", { client, annotator: this.who, answers });
      return await this.settle(batch, reply);
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      return this.failed(batch, problem);
    }
  }

  async settle(batch, reply) {
    const results = new Map(reply.results.map((result) => [result.sequence, result]));
    if (reply.results.some((result) => result.status === "refused") && !(await this.isStillMe())) return false;
    let settled = 0;
    for (const [key, answer] of batch) {
      const result = results.get(answer.sequence);
      if (result === undefined) continue;
      settled += 1;
      this.drop(key);
      if (result.status === "refused" && result.kind === "SequenceUsed" && this.tab) {
        this.tab.renew(); // a copied tab or an old state of the browser: the same answer under a new number
        this.put({ ...answer, client: this.tab.id, sequence: this.tab.next() });
        continue;
      }
      if (result.status === "refused") this.keepRefused(answer, result.message);
      this.told.result?.(answer, result);
    }
    this.tries = 0;
    this.told.progress?.(reply.progress);
    if (settled === 0) this.pause(0);
    return settled > 0;
  }

  /** Another person's session refuses our answers: that is no reason to drop them. */
  async isStillMe() {
    const { name } = await request("GET", "/session");
    if (name !== this.who) this.halt({ kind: "another", name });
    return name === this.who;
  }

  /** What to do after a request that failed; true: go on at once. */
  failed(batch, problem) {
    if (problem.status === 401) this.halt({ kind: "signed-out" });
    else if (problem.status === 403) this.halt({ kind: "denied", message: problem.message, hint: problem.hint });
    else if (problem.status === 409 && problem.kind === "OtherPerson") this.halt({ kind: "another" });
    else if (problem.status === 413 || problem.status === 422) {
      if (batch.length === 1) {
        const [[key, answer]] = batch;
        this.drop(key);
        this.keepRefused(answer, problem.message);
        this.told.result?.(answer, { status: "refused", message: problem.message, hint: problem.hint });
      }
      this.oneByOne = batch.length > 1; // one bad answer must not hold up the others
      return true;
    } else this.pause(problem.wait, problem.status === 0 ? LONGEST_ABSENCE : LONGEST_PAUSE);
    return false;
  }

  /** Longer with every try that failed, and at least the seconds that the server asked for. */
  pause(wait, longest = LONGEST_PAUSE) {
    const grown = Math.min(longest, 400 * 2 ** this.tries);
    this.tries += 1;
    this.notBefore = performance.now() + later(wait);
    this.soon(grown * (0.75 + Math.random() / 2));
  }

  /** A refused answer is sent no more, but what a person gave is not thrown away: it stays in the browser. */
  keepRefused(answer, message) {
    writeJson(localStorage, `${this.prefix}refused:${answer.client}:${answer.sequence}`, { answer, message });
  }

  drop(key) {
    this.waiting.delete(key);
    removeKey(localStorage, key);
    if (this.waiting.size === 0) this.unkept = this.oneByOne = false;
  }

  /** Send what waits without waiting for a reply, for a page that closes; it all stays here until acknowledged. */
  beacon() {
    if (this.halted || this.waiting.size === 0) return;
    const batch = this.batch();
    const answers = batch.map(([, answer]) => forServer(answer));
    sendBeacon("/answers", { client: batch[0][1].client, annotator: this.who, answers });
  }

  /** Forget everything that waits, on the person's own word. */
  discard() {
    for (const key of this.waiting.keys()) removeKey(localStorage, key);
    this.waiting.clear();
    this.told.changed?.();
  }
}

/** An answer without what only this page needs. */
function forServer({ client, step, title, ...answer }) {
  return answer;
}
