// Beside the item: hints, the list of keys, earlier answers, messages in words.

/** What an answer was, in words: the label, "skipped: …" or "flagged". */
function answerWords(answer, reasons) {
  if (!answer) return "not answered";
  if (answer.kind === "skip") return `skipped: ${reasons[answer.skip] ?? answer.skip}`;
  return answer.kind === "flag" ? "flagged" : (answer.label ?? "");
}

/** Votes of functions and the model's guess, in one line; the functions' names open below it. */
function hintsShown(hints) {
  const fragment = document.createDocumentFragment();
  const byLabel = new Map();
  for (const { function: name, label } of hints.votes ?? []) {
    byLabel.set(label, [...(byLabel.get(label) ?? []), name]);
  }
  const line = element("p", "lk-hints");
  line.append(element("span", "lk-quiet", "Functions "));
  if (byLabel.size === 0) line.append(element("span", "", "no votes"));
  for (const [label, names] of byLabel) line.append(element("bdi", "lk-chip", `${label} ×${names.length}`));
  line.append(element("span", "lk-quiet", " Model "));
  const { guess } = hints;
  const percent = guess ? ` ${Math.round(guess.probability * 100)}%` : "";
  line.append(guess ? element("bdi", "lk-chip", guess.label + percent) : element("span", "", "no guess"));
  fragment.append(line);
  if (byLabel.size > 0) {
    const which = element("details", "lk-quiet");
    which.append(element("summary", "", "Which functions"));
    for (const [label, names] of byLabel) which.append(element("p", "", `${label}: ${names.join(", ")}`));
    fragment.append(which);
  }
  return fragment;
}

/** The keys of the page as the rows of a definition list. */
function keyRows(labels, reasons) {
  const page = [
    ["s", `skip, then 1 to ${reasons.length} for the reason`],
    ["f", "flag: something is wrong with this item; say what"],
    ["c", "comment; Enter goes back to the keys"],
    ["u", "undo, as often as you like"],
    ["b or ←", "back to the answer before, to read or change it"],
    ["n or →", "next, after going back"],
    ["e", "earlier answers"],
    ["h", "highlight keywords"],
    ["g", "guidelines"],
    ["?", "this list"],
    ["Esc", "close, or leave the comment"],
  ];
  const fragment = document.createDocumentFragment();
  const own = labels.filter(([, key]) => key !== null).map(([label, key]) => [key, label]);
  for (const [key, words] of [...own, ...page]) {
    const term = element("dt");
    term.append(element("kbd", "", key));
    const description = element("dd", "", words);
    description.dir = "auto";
    fragment.append(term, description);
  }
  return fragment;
}

/** A message that stays until it is closed: what was late or refused, and what to do. */
function noticeOf({ answer, result }, reasons) {
  const what = `${answer.title}: ${answer.kind === "withdraw" ? "undo" : answerWords(answer, reasons)}`;
  if (result.status === "late") {
    return { kind: "late", text: `Saved, but after the time of its item was over (${what}). It is kept as late.` };
  }
  const hint = result.hint ? ` ${result.hint}.` : "";
  return { kind: "refused", text: `Not saved (${what}): ${result.message ?? "the server refused it"}.${hint}` };
}

function count(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

/** The person's earlier answers, page by page; `open(number)` is called with the item that was chosen. */
class EarlierAnswers {
  constructor(dialog, reasons, open) {
    this.dialog = dialog;
    this.reasons = reasons;
    this.open = open;
    this.rows = dialog.querySelector('[data-part="rows"]');
    this.state = dialog.querySelector('[data-part="earlier-state"]');
    this.more = dialog.querySelector('[data-do="older"]');
  }

  async show(unsent) {
    this.rows.replaceChildren();
    this.next = null;
    this.dialog.showModal();
    this.unsent = unsent;
    await this.load();
  }

  async load() {
    this.state.textContent = "Fetching…";
    this.more.hidden = true;
    try {
      const before = this.next === null ? "" : `&before=${encodeURIComponent(this.next)}`;
      const { answers, next } = await request("GET", `/answers/mine?limit=50${before}`);
      this.rows.append(...answers.map((answer) => this.row(answer)));
      this.next = next;
      this.more.hidden = next === null || next === undefined;
      const waiting = this.unsent > 0 ? ` Not yet sent, and not here: ${count(this.unsent, "answer")} of yours.` : "";
      this.state.textContent = (this.rows.children.length ? "Choose one to change it." : "There are none yet.") + waiting;
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      this.state.textContent = `${problem.message}. The answers of this page can still be changed with Back (b).`;
    }
  }

  row(answer) {
    const button = element("button", "lk-row");
    button.type = "button";
    const text = element("span", "lk-row-text", answer.text || "(no text)");
    text.dir = "auto";
    const what = element("bdi", "lk-chip", answerWords(answer, this.reasons));
    const when = element("span", "lk-quiet", moment(answer.at));
    button.append(what, text, element("bdi", "lk-quiet", answer.id), when);
    button.addEventListener("click", () => this.choose(answer.item));
    const place = element("li");
    place.append(button);
    return place;
  }

  async choose(number) {
    this.state.textContent = "Opening…";
    try {
      await this.open(number);
      this.dialog.close();
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      this.state.textContent = `${problem.message}. ${problem.hint}`;
    }
  }
}
