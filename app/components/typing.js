// Says what stands in a text field of Streamlit's as soon as typing pauses; Enter works as ever beside it.

const PAUSE = 250; // ms

export default function ({ data, setStateValue }) {
  let timer = 0;
  const field = (event) => event.target.closest?.(data.fields.map((key) => `.st-key-${key} input`).join(", "));
  const typed = (event) => {
    const input = field(event);
    if (!input) return;
    clearTimeout(timer);
    timer = setTimeout(() => setStateValue("typed", { round: data.round, text: input.value }), PAUSE);
  };
  const entered = (event) => event.key === "Enter" && field(event) && clearTimeout(timer);
  document.addEventListener("input", typed, true);
  document.addEventListener("keydown", entered, true);
  return () => {
    document.removeEventListener("input", typed, true);
    document.removeEventListener("keydown", entered, true);
    clearTimeout(timer);
  };
}
