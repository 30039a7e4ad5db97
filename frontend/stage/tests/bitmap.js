/** Bitmaps that are drawn in the source of a test. */

/** A bitmap from rows of # and . */
export function bitmap(...rows) {
  const data = Uint8Array.from(rows.join(""), (mark) => (mark === "#" ? 1 : 0));
  return { width: rows[0].length, height: rows.length, data };
}
