// What this browser keeps for one person, and which tab this is.

/** Where one person's things are kept: never under a key that another person's page reads. */
function storagePrefix(project, who) {
  return `labelkit:${encodeURIComponent(project)}:${encodeURIComponent(who)}:`;
}

/** This tab, as the server knows it: a random id, and the number of the answer that was given last. */
class Tab {
  constructor(prefix) {
    this.place = `${prefix}tab`;
    const before = readJson(sessionStorage, this.place);
    // Only a page that was left says so. A duplicate of a living tab gets a copy of its storage, without that.
    const same = before !== null && before.left === true;
    this.id = same ? before.id : randomId();
    this.sequence = same ? before.sequence : 0;
    this.stay();
  }

  next() {
    this.sequence += 1;
    return this.sequence;
  }

  /** The page is left: whoever loads it again in this tab goes on with this id. */
  leave() {
    if (!writeJson(sessionStorage, this.place, { id: this.id, sequence: this.sequence, left: true })) this.stay();
  }

  /** Another id: the numbers of this one are used. */
  renew() {
    this.id = randomId();
    this.sequence = 0;
  }

  stay() {
    removeKey(sessionStorage, this.place);
  }
}

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID() needs https
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function readJson(storage, key) {
  try {
    return JSON.parse(storage.getItem(key));
  } catch {
    return null;
  }
}

function writeJson(storage, key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false; // full, or not allowed
  }
}

function removeKey(storage, key) {
  try {
    storage.removeItem(key);
  } catch {
    // not allowed, so there is nothing
  }
}

function storedKeys(prefix) {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(prefix)).sort();
  } catch {
    return [];
  }
}
