/** The results of this browser: kept in it, and shown. */

export { mountHistory } from "./history/gallery.js";
export { HistoryError, openHistory } from "./history/store.js";
