// An item as people read it. Its text is untrusted: everything is put into the page as text nodes, never as HTML.

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gi;
const NO_IMAGE = /\.(?:html?|pdf|zip|json|csv|txt|md|mp[34]|docx?|xlsx?)$/i;
const DEEPEST = 4;
const MOST_ROWS = 200;

/** What is needed to show items: which fields, whose images, which words are marked (null: none). */
class ItemView {
  constructor({ showFields, imageHosts, words }) {
    this.showFields = showFields;
    this.imageHosts = new Set(imageHosts);
    this.pattern = wordPattern(words);
    this.marked = false;
  }

  /** The text and the fields of an item, ready to be put into the page. */
  build(item) {
    const fields = document.createDocumentFragment();
    for (const [name, value] of this.fieldsOf(item)) fields.append(this.field(name, value));
    return { text: this.text(item), fields };
  }

  fieldsOf(item) {
    const given = item.fields ?? {};
    const names = this.showFields === "all" ? Object.keys(given) : this.showFields.filter((name) => name in given);
    return names.map((name) => [name, given[name]]).filter(([, value]) => value !== null && value !== "");
  }

  text(item) {
    const text = item.text ?? "";
    const fragment = this.characters(text);
    const image = this.image(text.trim(), item.id);
    if (image) fragment.append(image);
    return fragment;
  }

  field(name, value) {
    const row = element("div", "lk-field");
    const term = element("dt", "", name);
    term.dir = "auto";
    const description = element("dd");
    description.append(this.value(value, name, 0));
    row.append(term, description);
    return row;
  }

  /** A field's value: text, an image, a list, or a table of what is nested. */
  value(value, name, depth) {
    const nested = typeof value === "string" ? parsed(value) : value;
    if (typeof nested !== "object" || nested === null) return this.plain(String(nested), name);
    if (depth >= DEEPEST) return this.plain(JSON.stringify(nested), name);
    if (!Array.isArray(nested)) return this.pairs(Object.entries(nested), depth);
    if (nested.length > 0 && nested.every(isRecord)) return this.records(nested, depth);
    const list = element("ol", "lk-list");
    for (const one of nested.slice(0, MOST_ROWS)) {
      const place = element("li");
      place.append(this.value(one, name, depth + 1));
      list.append(place);
    }
    return withRest(list, nested.length);
  }

  plain(text, name) {
    const shown = element("span", "lk-value");
    shown.dir = "auto";
    shown.append(this.image(text.trim(), name) ?? this.characters(text));
    return shown;
  }

  pairs(entries, depth) {
    const table = element("table", "lk-table");
    const body = table.createTBody();
    for (const [key, value] of entries.slice(0, MOST_ROWS)) {
      const row = body.insertRow();
      row.append(header(key, "row"));
      row.insertCell().append(this.value(value, key, depth + 1));
    }
    return withRest(scrolling(table), entries.length);
  }

  records(rows, depth) {
    const names = [...new Set(rows.slice(0, MOST_ROWS).flatMap((row) => Object.keys(row)))].slice(0, 20);
    const table = element("table", "lk-table");
    const head = table.createTHead().insertRow();
    head.append(...names.map((name) => header(name, "col")));
    const body = table.createTBody();
    for (const record of rows.slice(0, MOST_ROWS)) {
      const row = body.insertRow();
      for (const name of names) {
        const cell = row.insertCell();
        if (name in record && record[name] !== null) cell.append(this.value(record[name], name, depth + 1));
      }
    }
    return withRest(scrolling(table), rows.length);
  }

  /** An image where the text is nothing but the address of one on an allowed host; else null. */
  image(text, name) {
    const address = /^https?:\/\/\S+$/i.test(text) ? safeAddress(text) : null;
    if (!address || !this.imageHosts.has(address.host.toLowerCase()) || NO_IMAGE.test(address.pathname)) return null;
    const image = element("img", "lk-image");
    image.alt = `${name}: ${text}`;
    image.referrerPolicy = "no-referrer";
    image.decoding = "async";
    image.addEventListener("error", () => image.replaceWith(this.characters(text)));
    image.src = address.href;
    return image;
  }

  /** Text with its addresses as links; marked words where they were asked for. */
  characters(text) {
    const fragment = document.createDocumentFragment();
    let end = 0;
    for (const found of text.matchAll(ADDRESS)) {
      const written = found[0].replace(/[.,;:!?)\]}'"]+$/, "");
      const address = safeAddress(written);
      if (!address) continue;
      this.words(fragment, text.slice(end, found.index));
      fragment.append(link(address, written));
      end = found.index + written.length;
    }
    this.words(fragment, text.slice(end));
    return fragment;
  }

  words(into, text) {
    if (text === "") return;
    if (!this.marked || !this.pattern) {
      into.append(text);
      return;
    }
    let end = 0;
    for (const found of text.matchAll(this.pattern)) {
      if (found.index > end) into.append(text.slice(end, found.index));
      into.append(element("mark", "lk-mark", found[0]));
      end = found.index + found[0].length;
    }
    if (end < text.length) into.append(text.slice(end));
  }
}

function element(name, className = "", text = null) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== null) made.textContent = text;
  return made;
}

function header(text, scope) {
  const cell = element("th", "", text);
  cell.scope = scope;
  cell.dir = "auto";
  return cell;
}

/** A wide table scrolls by itself, also by keyboard. */
function scrolling(table) {
  const box = element("div", "lk-scroll");
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Table");
  box.append(table);
  return box;
}

function withRest(shown, count) {
  if (count <= MOST_ROWS) return shown;
  const fragment = document.createDocumentFragment();
  fragment.append(shown, element("p", "lk-quiet", `${(count - MOST_ROWS).toLocaleString("en")} more are not shown`));
  return fragment;
}

function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A list or an object that was written as JSON; anything else as it was given. */
function parsed(text) {
  if (!/^\s*[[{]/.test(text) || text.length > 100_000) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** An http or https address, or null: nothing else is ever made a link. */
function safeAddress(text) {
  try {
    const address = new URL(text);
    return address.protocol === "http:" || address.protocol === "https:" ? address : null;
  } catch {
    return null;
  }
}

function link(address, written) {
  const made = element("a", "lk-link", written);
  made.href = address.href;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}

function wordPattern(words) {
  if (words.length === 0) return null;
  const either = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/ /g, "\\s+")).join("|");
  return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${either})(?![\\p{L}\\p{N}_])`, "giu");
}

/** A time as the app's other pages write it, by this browser's clock. */
function moment(at) {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return "";
  const two = (number) => String(number).padStart(2, "0");
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}
