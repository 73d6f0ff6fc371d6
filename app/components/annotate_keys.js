// From a press to what it means: on keyboards of all languages, and only where it was meant for this page.

const PAGE_KEYS = {
  u: "undo",
  b: "back",
  ArrowLeft: "back",
  n: "next",
  ArrowRight: "next",
  s: "skip",
  f: "flag",
  c: "comment",
  h: "highlight",
  g: "guidelines",
  e: "earlier",
  "?": "help",
};

/** Whether a press may mean something here: no shortcut of the browser, no writing, no other dialog. */
function isForUs(event, root) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.keyCode === 229) return false;
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return false;
  if (root.querySelector("dialog[open]")) return false;
  const box = event.target.closest?.('[role="dialog"], [role="menu"], [data-baseweb="popover"], dialog');
  return !box || root.contains(box);
}

/** The key that was meant and is `known`: what it writes, or else the place where it is; null for none. */
function meantKey(event, known) {
  const written = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (known(written)) return written;
  if (event.shiftKey || /^[a-z]$/.test(written)) return null;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  const letter = /^Key([A-Z])$/.exec(event.code)?.[1].toLowerCase();
  return [digit, letter].find((one) => one !== undefined && known(one)) ?? null;
}

/** The reasons for a skip: a menu with a digit for each. */
class SkipMenu {
  constructor(menu, button, reasons, choose) {
    this.menu = menu;
    this.button = button;
    this.choose = choose;
    const rows = Object.entries(reasons).map(([code, words], place) => {
      const row = element("button", "lk-reason");
      row.type = "button";
      row.setAttribute("role", "menuitem");
      row.dataset.skip = code;
      row.dataset.testid = `skip-${code}`;
      row.append(element("kbd", "", String(place + 1)), element("span", "", words));
      return row;
    });
    menu.replaceChildren(...rows);
  }

  get isOpen() {
    return !this.menu.hidden;
  }

  open(on, refocus = true) {
    const inside = this.menu.contains(document.activeElement);
    this.menu.hidden = !on;
    this.button.setAttribute("aria-expanded", String(on));
    if (on) this.menu.firstElementChild.focus();
    else if (refocus && inside) this.button.focus();
  }

  /** A press while the menu is open; no label's key answers then. */
  key(event) {
    const rows = [...this.menu.children];
    const digit = meantKey(event, (one) => /^[1-9]$/.test(one));
    if (digit !== null) {
      if (!event.repeat && rows[digit - 1]) this.choose(rows[digit - 1].dataset.skip);
      return true;
    }
    const place = rows.indexOf(document.activeElement);
    const moves = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: -1 };
    if (event.key in moves) rows.at(moves[event.key] % rows.length).focus();
    else if (event.key === "Escape" || event.key.toLowerCase() === "s") this.open(false);
    else return event.key.length === 1 && event.key !== " ";
    return true;
  }

  focusLeft(event) {
    const to = event.relatedTarget;
    if (this.menu.contains(event.target) && to && !this.menu.contains(to) && to !== this.button) this.open(false, false);
  }
}
