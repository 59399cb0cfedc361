/** A grey PNG, written row by row: a photo of 24 megapixels needs no canvas of its size, which phones refuse. */

const SIGNATURE = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const ROWS_AT_ONCE = 64;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/**
 * Write a mask at another size; its edges are smoothed and stay black or white.
 * @param {Uint8Array} pixels 0 or 255, row by row
 * @param {number} fromWidth
 * @param {number} fromHeight
 * @param {number} width of the file
 * @param {number} height
 * @returns {Promise<Blob>} PNG, 8 bits of grey
 */
export async function encodeMask(pixels, fromWidth, fromHeight, width, height) {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  const data = await deflated(rows(pixels, fromWidth, fromHeight, width, height));
  const chunks = [chunk("IHDR", new Uint8Array(header.buffer)), chunk("IDAT", data), chunk("IEND", new Uint8Array())];
  return new Blob([SIGNATURE, ...chunks.flat()], { type: "image/png" });
}

async function deflated(pieces) {
  const stream = new ReadableStream({
    pull(controller) {
      const { value, done } = pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
  const zipped = stream.pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(zipped).arrayBuffer());
}

/** Yield rows of the file, each after its filter's byte, by bilinear interpolation between centres of pixels. */
function* rows(pixels, fromWidth, fromHeight, width, height) {
  const columns = places(fromWidth, width);
  const lines = places(fromHeight, height);
  for (let top = 0; top < height; top += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, height - top);
    const piece = new Uint8Array(count * (width + 1));
    for (let row = 0; row < count; row += 1) {
      fillRow(piece, row * (width + 1) + 1, pixels, fromWidth, lines, top + row, columns);
    }
    yield piece;
  }
}

function fillRow(piece, start, pixels, fromWidth, lines, y, columns) {
  const above = lines.first[y] * fromWidth;
  const below = lines.second[y] * fromWidth;
  const down = lines.share[y];
  for (let x = 0; x < columns.first.length; x += 1) {
    const [left, right, along] = [columns.first[x], columns.second[x], columns.share[x]];
    const upper = pixels[above + left] * (1 - along) + pixels[above + right] * along;
    const lower = pixels[below + left] * (1 - along) + pixels[below + right] * along;
    if (upper * (1 - down) + lower * down > 127) piece[start + x] = 255;
  }
}

function places(from, to) {
  const [first, second, share] = [new Uint32Array(to), new Uint32Array(to), new Float32Array(to)];
  for (let at = 0; at < to; at += 1) {
    const place = Math.min(from - 1, Math.max(0, ((at + 0.5) * from) / to - 0.5));
    first[at] = Math.floor(place);
    second[at] = Math.min(from - 1, first[at] + 1);
    share[at] = place - first[at];
  }
  return { first, second, share };
}

function chunk(type, data) {
  const name = new TextEncoder().encode(type);
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, data.length);
  const check = new DataView(new ArrayBuffer(4));
  check.setUint32(0, crc([name, data]));
  return [length.buffer, name, data, check.buffer];
}

function crc(parts) {
  let value = 0xffffffff;
  for (const part of parts) {
    for (const byte of part) value = CRC_TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  }
  return (value ^ 0xffffffff) >>> 0;
}
