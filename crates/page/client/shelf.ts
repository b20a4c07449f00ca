// What the service worker stores, by address, and the name of this version of it. The build puts the real lists in the place of
// these, once every file of the page has its address.

export const shellFiles: string[] = [];
export const shellVersion: string = "";
