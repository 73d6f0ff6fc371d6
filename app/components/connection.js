// What a page that keeps its own answers does about Streamlit's connection, which is not the one that it needs.

/** Streamlit covers the page when its own connection is cut. Here one goes on, and the state of saving tells. */
function keepWorking() {
  const close = () => {
    const dialog = document.querySelector('body > [data-testid="stDialog"]');
    if (dialog?.querySelector("h2")?.textContent !== "Connection error") return;
    dialog.querySelector('button[aria-label="Close"]')?.click();
  };
  const seen = new MutationObserver(close);
  seen.observe(document.body, { childList: true });
  close();
  return seen;
}
