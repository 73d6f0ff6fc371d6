// Draws the loop. Everything that is shown comes in as data and is put into the page as text.
export default function ({ data, parentElement }) {
  const list = parentElement.querySelector(".lk-loop ol");
  list.replaceChildren(...data.nodes.map(card));
  parentElement.querySelector('[data-part="back"]').textContent = data.back;
}

function card(node) {
  const item = document.createElement("li");
  item.dataset.testid = `loop-${node.key}`;
  item.dataset.state = node.state;
  item.append(line("lk-name", node.name), line("lk-number", node.number), line("lk-below", node.below));
  if (node.told) item.append(line("lk-state", node.told));
  return item;
}

function line(name, text) {
  const part = document.createElement("span");
  part.className = name;
  part.textContent = text;
  return part;
}
