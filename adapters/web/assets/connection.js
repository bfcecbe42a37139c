// connection shows on the page that the server is unreachable.
export const pause = 5000; // milliseconds between attempts

export function connected(is) {
  const status = document.querySelector("#connection"), words = is ? "" : "Not connected: trying again …";
  if (status.textContent !== words) status.textContent = words;
}

// page fetches a page.
export async function page(address) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(60_000) });
  if (!answer.ok) throw new Error(answer.statusText);
  return { answer, text: await answer.text() };
}

export const parse = (text) => new DOMParser().parseFromString(text, "text/html");

// again calls act periodically until it returns true.
export async function again(act, every) {
  for (let done = false; !done; ) {
    await wait(every);
    try {
      done = await act();
      connected(true);
    } catch {
      connected(false);
    }
  }
}

export const wait = (ms) => new Promise((done) => setTimeout(done, ms));
