export type { Api, DarkroomOptions } from "./api.js";
export {
  Darkroom,
  type EditImages,
  type EditOptions,
  type EditParameters,
  type Operation,
  type SmartMask,
  type SmartMaskOptions,
  type Submitting,
  type SystemHealth,
} from "./darkroom.js";
export { DarkroomError, type ErrorCode, type ErrorKind, type FieldError, type Problem } from "./errors.js";
export type { JobStatus } from "./follow.js";
export type { ImageInput } from "./images.js";
export { type Abortable, type Cancelled, type Edited, type Following, Job, type Parameters } from "./job.js";
export type { components, operations, paths } from "./schema.js";
export { readEvents, type ServerEvent } from "./sse.js";
export type { Made, Utilities } from "./utilities.js";
