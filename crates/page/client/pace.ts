// How often the page is changed: so seldom that drawing leaves the device to the person.

/** The page draws for one part of its time in so many. */
const drawingShare = 16;
/** Milliseconds after which something new is to be seen, whatever drawing takes. */
const longestWait = 120;
/** Weight of the newest measurement in the moving average. */
const newestCounts = 0.2;

/** Average time to apply and draw a change, in milliseconds. */
let usually = 0;
/** Newest change: time to apply it, and start of its frame. */
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
