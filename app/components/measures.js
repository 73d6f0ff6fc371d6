// Shares with their intervals, each on a track from 0 to 100%. All words come in as data and go in as text.
export default function ({ data, parentElement }) {
  parentElement.querySelector(".lk-measures").replaceChildren(...data.rows.map(row));
}

function row(one) {
  const item = document.createElement("li");
  const track = document.createElement("div");
  track.className = "lk-track";
  track.setAttribute("aria-hidden", "true");
  const range = document.createElement("i");
  range.style.left = `${100 * one.low}%`;
  range.style.right = `${100 * (1 - one.high)}%`;
  const dot = document.createElement("b");
  dot.style.left = `${100 * one.value}%`;
  track.append(range, dot);
  item.append(text("lk-what", one.what), text("lk-value", one.told), track, text("lk-range", one.range));
  return item;
}

function text(name, words) {
  const part = document.createElement("span");
  part.className = name;
  part.textContent = words;
  return part;
}
