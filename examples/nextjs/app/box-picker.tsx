"use client";

import { type PointerEvent, useRef } from "react";
import { type Box, boxBetween, isEmpty, type Size } from "./box";

const CORNERS = ["left", "top", "right", "bottom"] as const;

interface Props {
  /** Address of the photo. */
  photo: string;
  /** The photo's own, once it is loaded. */
  size: Size | undefined;
  box: Box;
  onSize: (size: Size) => void;
  onBox: (box: Box) => void;
}

/** A photo on which a box is drawn with the pointer, or typed in. */
export function BoxPicker({ photo, size, box, onSize, onBox }: Props) {
  const start = useRef<[number, number]>(null);

  function point(event: PointerEvent<HTMLElement>): [number, number] {
    const shown = event.currentTarget.getBoundingClientRect();
    const { width = 0, height = 0 } = size ?? {};
    return [((event.clientX - shown.left) / shown.width) * width, ((event.clientY - shown.top) / shown.height) * height];
  }

  function press(event: PointerEvent<HTMLElement>) {
    event.currentTarget.setPointerCapture(event.pointerId);
    start.current = point(event);
  }

  function move(event: PointerEvent<HTMLElement>) {
    if (start.current && size) onBox(boxBetween(start.current, point(event), size));
  }

  function release() {
    start.current = null;
  }

  return (
    <>
      <p id="how">Draw a box around what should go, or type its sides in pixels.</p>
      <div className="photo" onPointerDown={press} onPointerMove={move} onPointerUp={release} onPointerCancel={release}>
        <img
          src={photo}
          alt="Your photo"
          draggable={false}
          onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) => {
            onSize({ width, height });
            onBox([0, 0, 0, 0]);
          }}
        />
        {size && !isEmpty(box) && <div className="box" style={placeOf(box, size)} />}
      </div>
      {size && (
        <fieldset aria-describedby="how">
          <legend>Box</legend>
          {CORNERS.map((corner, index) => (
            <label key={corner}>
              {corner}
              <input
                type="number"
                min={0}
                max={index % 2 ? size.height : size.width}
                value={box[index]}
                onChange={({ target }) => onBox(box.with(index, target.valueAsNumber || 0) as Box)}
              />
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}

function placeOf([x0, y0, x1, y1]: Box, { width, height }: Size) {
  const share = (part: number, whole: number) => `${(part / whole) * 100}%`;
  return {
    left: share(x0, width),
    top: share(y0, height),
    width: share(x1 - x0, width),
    height: share(y1 - y0, height),
  };
}
