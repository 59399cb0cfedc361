/** x0, y0, x1, y1 in pixels of the photo; x1 and y1 are exclusive. */
export type Box = [number, number, number, number];

export interface Size {
  width: number;
  height: number;
}

/** Returns the box between two points, within the photo. */
export function boxBetween(from: [number, number], to: [number, number], { width, height }: Size): Box {
  const within = (value: number, most: number) => Math.min(Math.max(Math.round(value), 0), most);
  const xs = [within(from[0], width), within(to[0], width)];
  const ys = [within(from[1], height), within(to[1], height)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Whether there is anything in the box. */
export function isEmpty([x0, y0, x1, y1]: Box): boolean {
  return x0 >= x1 || y0 >= y1;
}

/** Returns a PNG of the photo's size, white in the box. */
export async function maskOf([x0, y0, x1, y1]: Box, { width, height }: Size): Promise<Blob> {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws no masks.");
  context.fillRect(0, 0, width, height);
  context.fillStyle = "white";
  context.fillRect(x0, y0, x1 - x0, y1 - y0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The mask is too large to draw."))), "image/png");
  });
}
