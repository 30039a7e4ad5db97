/** Zip files of stored entries (APPNOTE.TXT 6.3, sections 4.3.7 to 4.3.16), without compression. */

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});
// 1 January 1980, the first day that the format knows: the same files make the same zip on any day.
const DATE = 0x0021;
const UTF8 = 0x0800;

/** Return the CRC-32 of bytes. @param {Uint8Array} bytes */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * Return files as one zip.
 *
 * @param {{name: string, blob: Blob}[]} files
 * @returns {Promise<Blob>}
 */
export async function zipped(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const encoded = new TextEncoder().encode(name);
    const common = [20, UTF8, 0, 0, DATE, [crc32(bytes)], [bytes.length], [bytes.length], encoded.length, 0];
    const head = packed([[0x04034b50], ...common]);
    directory.push(packed([[0x02014b50], 20, ...common, 0, 0, 0, [0], [offset]]), encoded);
    parts.push(head, encoded, bytes);
    offset += head.length + encoded.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = packed([[0x06054b50], 0, 0, files.length, files.length, [size], [offset], 0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Return numbers as bytes, little end first: two bytes each, four for those in brackets. */
function packed(numbers) {
  const bytes = new Uint8Array(numbers.reduce((sum, each) => sum + (Array.isArray(each) ? 4 : 2), 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const each of numbers) {
    if (Array.isArray(each)) view.setUint32(at, each[0], true);
    else view.setUint16(at, each, true);
    at += Array.isArray(each) ? 4 : 2;
  }
  return bytes;
}
