// Words and small pieces of the Review page.

const KEY_WORDS = {
  u: "take your last decision back",
  b: "back to an item whose decision was not taken",
  n: "not now: the item comes again at the end",
  e: "votes of the labeling functions and the model's guess",
  w: "take back the decision that stands",
  c: "comment on the decision; Esc leaves it",
  h: "hide or show names",
  g: "guidelines",
  "← →": "the list before, the next list",
  "?": "this list of keys",
  Esc: "close, or leave the comment",
};
const ROLES = { audit: "audit: measures only", tuning: "drawn for tuning" };
const EMPTY = {
  disputed: ["Nothing to decide.", "Where annotators disagree, their items come here."],
  waiting: ["Nothing waits.", "Disputed items about which another person is still to be asked are here until then."],
  flagged: ["No flagged items.", "Items that annotators flag, with a comment that says what is wrong, come here."],
  late: ["No late answers.", "Answers that came after their lease had ended, and whose items nobody decided, come here."],
  decided: ["Nothing is decided yet.", "Your decisions and those of other reviewers come here; any can be taken back."],
};

function answerName(answer) {
  if (answer.kind === "label") return answer.label;
  return answer.kind === "flag" ? "flagged" : `skipped: ${answer.skip}`;
}

function opinionsShown({ votes, guess }) {
  const guessed = element("p", "", guess ? "The model's guess: " : "There is no model's guess on this item.");
  if (guess) guessed.append(element("b", "", guess.label), ` (${(100 * guess.probability).toFixed(0)}%)`);
  if (votes.length === 0) return [guessed, element("p", "", "No labeling function voted.")];
  const list = element("ul", "lkr-votes");
  for (const { function: name, label } of votes) {
    const one = element("li", "lkr-chip");
    one.append(element("span", "", `${name}: `), element("b", "", label));
    list.append(one);
  }
  return [guessed, list];
}

function noticeShown({ kind, text }) {
  const box = element("p", "lkr-notice", text);
  box.dataset.kind = kind;
  box.dir = "auto";
  return box;
}

/** Why nothing is sent any more, and what becomes of what waits. */
function haltText({ halted, count: waiting }, who) {
  const count = `${waiting} ${waiting === 1 ? "decision" : "decisions"}`;
  const kept = (when) => (waiting > 0 ? ` This browser keeps ${count} of yours and sends them ${when}.` : "");
  if (halted.kind === "denied") {
    const hint = halted.hint ? ` ${halted.hint}.` : "";
    return `You may not decide here any more: ${halted.message}.${hint}${kept("when you may again")}`;
  }
  const why = halted.kind === "another" ? "Somebody else has signed in in this browser." : "You are not signed in any more.";
  return why + kept(`when ${who} signs in again`);
}

/** The same as a message with what to do. */
function haltShown(box, who) {
  const shown = noticeShown({ kind: "halted", text: haltText(box, who) });
  const button = element("button", "", box.halted.kind === "denied" ? "Load the page again" : "Sign in");
  button.type = "button";
  button.addEventListener("click", () => (box.halted.kind === "denied" ? window.location.reload() : window.location.assign("/")));
  shown.append(" ", button);
  return shown;
}

/** An item whose decision was not taken, with the way back to it; they are looked at in their order. */
function returnedShown({ item, words }, first) {
  const box = noticeShown({ kind: "refused", text: "" });
  box.dataset.testid = "returned";
  box.append("Not decided: ", element("bdi", "", item.id), `: ${words} `);
  if (!first) return box;
  const button = element("button", "", "Look at it");
  button.type = "button";
  button.dataset.do = "back";
  button.setAttribute("aria-keyshortcuts", "b");
  const key = element("kbd", "", "b");
  key.setAttribute("aria-hidden", "true");
  button.prepend(key);
  box.append(button);
  return box;
}
