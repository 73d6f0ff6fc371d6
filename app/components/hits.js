// Items with the parts of their texts that match. Whatever comes from a project becomes a text node, nothing else.
function fact({ name, value, against }) {
  const line = document.createElement("div");
  const title = document.createElement("dt");
  const said = document.createElement("dd");
  title.textContent = name;
  said.textContent = value;
  said.dir = "auto";
  line.append(title, said);
  line.classList.toggle("lk-against", Boolean(against));
  return line;
}

function item({ segments, facts }) {
  const entry = document.createElement("li");
  const text = document.createElement("p");
  text.dir = "auto";
  for (const [part, matches] of segments) {
    const place = document.createElement(matches ? "mark" : "span");
    place.textContent = part;
    text.append(place);
  }
  const about = document.createElement("dl");
  about.append(...facts.map(fact));
  entry.append(text, about);
  return entry;
}

export default function ({ data, parentElement }) {
  const list = parentElement.querySelector(".lk-hits");
  list.setAttribute("aria-label", data.title);
  list.replaceChildren(...data.items.map(item));
}
