// How often the page is changed: so seldom that drawing leaves the device to the person.

/** The page draws for one part of its time in so many. */
const drawingShare = 16;
/** Milliseconds after which something new is to be seen, whatever drawing takes. */
const longestWait = 120;
/** How much the newest drawing counts in what is usual. */
const newestCounts = 0.2;

/** What a change takes to be made and drawn, in milliseconds. */
let usually = 0;
/** Of the newest, how long it took to be made, and when its frame began. */
let making = 0;
let framed = 0;

const drawn = new MessageChannel();

drawn.port1.onmessage = () => {
  const took = making + performance.now() - framed;
  usually += (took - usually) * newestCounts;
};

/** Notes what a change takes that was begun at a moment and is made by now, once it is drawn. */
export function drawing(began: number): void {
  making = performance.now() - began;
  requestAnimationFrame(() => {
    framed = performance.now();
    // It is heard right after this frame.
    drawn.port2.postMessage(null);
  });
}

/** The shortest time between two changes that the page wants, in milliseconds. */
export const every = (): number => Math.round(Math.min(longestWait, usually * drawingShare));
