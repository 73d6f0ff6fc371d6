// What people said about an item, and the labels' buttons, each in its label's colour.

const TONES = ["#4c6ef5", "#e8590c", "#2b8a3e", "#ae3ec9", "#1098ad", "#c2255c", "#8f6a00", "#5c677d"];

/** Answers in the order of the labels: those that say the same stand together. */
function inOrder(answers, order) {
  const place = (answer) => (answer.kind === "label" ? order.indexOf(answer.label) : order.length);
  return [...answers].sort((one, other) => place(one) - place(other));
}

/** What was said → how often. */
function tallyOf(answers) {
  const tally = new Map();
  for (const answer of answers) tally.set(answerName(answer), (tally.get(answerName(answer)) ?? 0) + 1);
  return tally;
}

function tallyWords(tally) {
  const words = [...tally].sort((one, other) => other[1] - one[1]).map(([what, times]) => `${times} × ${what}`);
  return words.length ? words.join("  ·  ") : "Nobody's answer counts now";
}

/** One person's answer; `name(person)` is what that person is called here. */
function answerShown(answer, order, name) {
  const row = element("li", "lkr-answer");
  if (answer.kind === "label") row.style.setProperty("--lkr-tone", TONES[order.indexOf(answer.label) % TONES.length]);
  const who = element("p", "lkr-who");
  who.append(element("bdi", "", answer.mine ? "You" : name(answer.annotator)));
  if (answer.late) who.append(element("span", "lkr-chip", "late"));
  const what = element("p", "lkr-what", answerName(answer));
  what.dir = "auto";
  row.append(who, what);
  if (answer.comment) {
    const comment = element("blockquote", "lkr-comment", answer.comment);
    comment.dir = "auto";
    row.append(comment);
  }
  const took = answer.seconds === null ? "" : ` · ${answer.seconds.toFixed(answer.seconds < 10 ? 1 : 0)} s`;
  row.append(element("p", "lkr-quiet", `${moment(answer.at)}${took}`));
  return row;
}

/** A button for each label; its last part is how often people gave it. */
function labelButtons(keys) {
  return Object.entries(keys).map(([label, key], at) => {
    const button = element("button", "lkr-label");
    button.type = "button";
    button.dataset.label = label;
    button.dataset.testid = `label-${label}`;
    button.style.setProperty("--lkr-tone", TONES[at % TONES.length]);
    if (key !== null) {
      const shown = element("kbd", "", key);
      shown.setAttribute("aria-hidden", "true");
      button.append(shown);
      button.setAttribute("aria-keyshortcuts", key);
    }
    const name = element("span", "", label);
    name.dir = "auto";
    button.append(name, element("small", "lkr-times"));
    return button;
  });
}
