"use client";

import { Darkroom, DarkroomError, type Edited, type JobStatus } from "@darkroom/client";
import { useEffect, useRef, useState } from "react";
import { type Box, isEmpty, maskOf, type Size } from "./box";
import { BoxPicker } from "./box-picker";

// The gateway as this app's server passes it on (app/darkroom): the page holds no key.
const darkroom = new Darkroom({ baseUrl: "/darkroom" });

export function Editor() {
  const [photo, setPhoto] = useState<File>();
  const [size, setSize] = useState<Size>();
  const [box, setBox] = useState<Box>([0, 0, 0, 0]);
  const [status, setStatus] = useState<JobStatus>();
  const [edited, setEdited] = useState<Edited>();
  const [problem, setProblem] = useState<string>();
  const running = useRef<AbortController>(null);
  const [isRunning, setIsRunning] = useState(false);
  const photoUrl = useObjectUrl(photo);
  const resultUrl = useObjectUrl(edited?.image);

  // Who leaves the page needs no result: an aborted edit cancels its job.
  useEffect(() => () => running.current?.abort(), []);

  function choose(file: File | undefined) {
    running.current?.abort();
    setPhoto(file);
    setSize(undefined);
    setEdited(undefined);
    setProblem(undefined);
  }

  async function remove() {
    if (!photo || !size) return;
    const controller = new AbortController();
    running.current = controller;
    setIsRunning(true);
    setStatus(undefined);
    setEdited(undefined);
    setProblem(undefined);
    try {
      const mask = await maskOf(box, size);
      const { signal } = controller;
      setEdited(await darkroom.edit("removal", { photo, mask, mask_tool_type: "box", onProgress: setStatus, signal }));
    } catch (error) {
      if (!controller.signal.aborted) setProblem(error instanceof DarkroomError ? error.detail : String(error));
    } finally {
      setIsRunning(false);
    }
  }

  return (
    <>
      <label className="file">
        Photo
        <input type="file" accept="image/*" onChange={(event) => choose(event.target.files?.[0])} />
      </label>

      {photoUrl && (
        <BoxPicker photo={photoUrl} size={size} box={box} onSize={setSize} onBox={setBox} />
      )}

      <div className="actions">
        <button type="button" onClick={remove} disabled={!size || isEmpty(box) || isRunning}>
          Remove what is in the box
        </button>
        {isRunning && (
          <button type="button" className="quiet" onClick={() => running.current?.abort()}>
            Cancel
          </button>
        )}
      </div>

      {isRunning && <progress aria-label="Progress" value={status?.progress} />}
      <p role="status">{isRunning ? wordsOf(status) : edited && `Done by ${edited.model} in ${edited.seconds.toFixed(1)} s.`}</p>
      {problem && <p role="alert">{problem}</p>}

      {resultUrl && (
        <figure>
          <img src={resultUrl} alt="The photo without what was in the box" />
          <figcaption>
            <a href={resultUrl} download="edited.png">
              Download PNG
            </a>
          </figcaption>
        </figure>
      )}
    </>
  );
}

function wordsOf(status: JobStatus | undefined): string {
  if (!status) return "Sending the photo";
  if (status.loading_message) return status.loading_message;
  if (status.queue_position) return `Number ${status.queue_position} in the queue`;
  return status.message ?? status.status;
}

/** Returns an address of a blob for as long as it is shown. */
function useObjectUrl(blob: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!blob) return;
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => {
      URL.revokeObjectURL(made);
      setUrl(undefined);
    };
  }, [blob]);
  return url;
}
