// Made from openapi.json by `npm run types`.

export interface paths {
    "/api/generate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Edit a photo and wait for the result
         * @description Submit an edit and hold the line until it is done.
         *
         *     Past the wait limit the answer is 202 with the job's id, and the job goes on. A client that leaves before that
         *     cancels its job, as nobody could ask for its result; with an Idempotency-Key he can, and the job goes on.
         */
        post: operations["generate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/generate/async": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Submit an edit
         * @description Submit an edit and return its job's id at once.
         *
         *     From this answer on the job is not lost: its inputs are in durable storage, its record and its message were
         *     written in one transaction. Whoever does not get the answer sends the same again with the same Idempotency-Key.
         */
        post: operations["generate_async"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/generate/status/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where is my job?
         * @description Return a job's state, progress, place in the queue and estimate. To follow a job, use its stream.
         */
        get: operations["generate_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/generate/result/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What came out?
         * @description Return the result with its picture as base64. A job that failed answers with its own error.
         */
        get: operations["generate_result"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/generate/result-image/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The picture itself
         * @description Return the picture's bytes, as WebP, PNG or JPEG by the Accept header.
         */
        get: operations["generate_result_image"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/generate/stream/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow a job
         * @description Send each change of a job as it happens, from its first one or from after Last-Event-ID.
         *
         *     The last event is always a final one (done, error or cancelled). Comments keep an idle connection open.
         */
        get: operations["generate_stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/generate/async/cancel/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a job
         * @description Cancel a job in any state; a worker that has it stops within one step. A job that has ended stays as it is.
         */
        post: operations["generate_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/generate/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Cancel a job
         * @description Do the same as POST /api/generate/async/cancel/{job_id}.
         */
        delete: operations["generate_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/smart-mask": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Mask what is pointed at
         * @description Return the mask of what points, a box or brush strokes mean; without any, `auto_detect` takes the main object.
         *
         *     Points have labels: 1 belongs to the object, 0 does not. Coordinates are pixels of the upright photo. The answer
         *     names the photo (`image_id`), so that later clicks need not send it again, and all that the prompts can mean
         *     (`candidates`). Beside a prompt `auto_detect` has no effect. A client that leaves cancels its request.
         */
        post: operations["smart_mask"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/smart-mask/detect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Mask the main object
         * @description Return the mask of the main object, told by size and place: /api/smart-mask without prompts.
         */
        post: operations["smart_mask_detect"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/smart-mask/cancel/{request_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a request for a mask
         * @description Cancel the request that was sent with this `request_id`; it answers 409 at once, and its tasks do nothing.
         *
         *     One that comes only after its cancel is refused. One that had ended stays as it is.
         */
        post: operations["smart_mask_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/images": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Upload an image
         * @description Keep an image, sent as the body itself, as the file `image` of a form, or as base64 in JSON.
         *
         *     Its id is the sha256 of its bytes: the same bytes twice are one image. It stays for a week after its last upload.
         *     With `prefetch=masks` its objects are found while the user still looks at it, so that the first click is quick.
         */
        post: operations["upload_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/images/{image_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an image
         * @description Return the bytes of an image that its owner uploaded or that was made for them.
         */
        get: operations["get_image"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/image-utils/resize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Scale a photo
         * @description Fit a photo into `width` × `height`: `inside` (default), `cover`, `pad` or `exact`. It is not enlarged unless `upscale` says so.
         */
        post: operations["image_utils_resize"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/image-utils/crop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cut a photo
         * @description Cut a photo to `box` [x0, y0, x1, y1] in pixels, or to an `aspect` [width, height] around its centre.
         */
        post: operations["image_utils_crop"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/image-utils/encode": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Write a photo in another format
         * @description PNG, JPEG, WebP or AVIF; with `max_bytes` the best quality that fits is found.
         */
        post: operations["image_utils_encode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/image-utils/extract-object": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cut out an object
         * @description Put the object under the mask (without one, the main object) on the middle of a 512 or 1024 square.
         */
        post: operations["image_utils_extract_object"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/image-utils/mae": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Preview a removal
         * @description Fill the masked area from its surroundings; a brush mask is widened first.
         */
        post: operations["image_utils_mae"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/image-utils/canny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Draw the edges
         * @description White edges on black; without `low` and `high` the thresholds follow the photo's median.
         */
        post: operations["image_utils_canny"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/image-utils/add-shadow-preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Preview an object with a shadow
         * @description Put an extracted object with a soft shadow on light grey.
         */
        post: operations["image_utils_add_shadow_preview"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What signs my webhooks?
         * @description Return the caller's signing secret; it is made when it is first asked for or first needed.
         */
        get: operations["webhook_secret"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/secret/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a new signing secret
         * @description Make a new secret. The old one goes on signing beside it for a day, so that receivers can change over.
         */
        post: operations["rotate_webhook_secret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get a signed address
         * @description Return a token that opens one address for a while, to read as the owner of the key that asks.
         *
         *     For `<img>`, `EventSource` and downloads, which send no headers. A token ends with its key.
         */
        post: operations["create_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Does the gateway live?
         * @description Answer at once, whatever the broker and the workers do: for liveness probes and today's frontend.
         */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Does this process answer?
         * @description Answer at once and ask nobody: whoever gets no answer may end this process.
         */
        get: operations["live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Can this gateway serve?
         * @description Tell whether the broker answers and the images are within reach: send requests elsewhere meanwhile.
         *
         *     Pools may sleep, which is no reason to turn requests away.
         */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/system/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How is each service?
         * @description Tell of each pool whether it is healthy, asleep, starting, degraded or down, its workers and its queue.
         *
         *     A pool that may sleep and has no workers is asleep, which is no error.
         */
        get: operations["system_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/generations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Generate images (OpenAI)
         * @description Make pictures of a prompt and wait for them, as `client.images.generate` of OpenAI's packages asks for it.
         */
        post: operations["openai_generate_images"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/edits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Edit an image (OpenAI)
         * @description Edit a photo and wait for it, as `client.images.edit` of OpenAI's packages asks for it.
         *
         *     The model says what to do. With `darkroom` the images do: a photo and a mask are a removal, a second image is the
         *     object of an insertion. Transparent areas of the mask may change; all other pixels stay as they are.
         */
        post: operations["openai_edit_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List models (OpenAI)
         * @description Return the models that this gateway's engine serves; each names an operation.
         */
        get: operations["openai_list_models"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Look at a model (OpenAI)
         * @description Return a model that this gateway's engine serves.
         */
        get: operations["openai_get_model"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Accepted
         * @description A job that was accepted.
         * @example {
         *       "message": "The edit is queued.",
         *       "result_url": "/api/generate/result/1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
         *       "status": "queued",
         *       "status_url": "/api/generate/status/1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
         *       "stream_url": "/api/generate/stream/1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
         *       "task_id": "1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11"
         *     }
         */
        Accepted: {
            /** Task Id */
            task_id: string;
            status: components["schemas"]["State"];
            /** Message */
            message: string;
            /** Status Url */
            status_url: string;
            /** Stream Url */
            stream_url: string;
            /** Result Url */
            result_url: string;
        };
        /**
         * Cancelled
         * @description Answer to a cancel.
         * @example {
         *       "message": "The job is cancelled.",
         *       "status": "cancelled",
         *       "task_id": "1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11"
         *     }
         */
        Cancelled: {
            /** Task Id */
            task_id: string;
            /** @description The job's final state: cancelled, or how it had ended before. */
            status: components["schemas"]["State"];
            /** Message */
            message: string;
        };
        /**
         * CancelledRequest
         * @description Answer to the cancel of a request that waits.
         * @example {
         *       "message": "The request is cancelled.",
         *       "request_id": "click-17",
         *       "status": "cancelled"
         *     }
         */
        CancelledRequest: {
            /** Request Id */
            request_id: string;
            /** @description cancelled, or how the request had ended before: done or error. */
            status: components["schemas"]["State"];
            /** Message */
            message: string;
        };
        /**
         * ErrorBody
         * @description Body of every error response under /v1.
         */
        ErrorBody: {
            error: components["schemas"]["OpenAIError"];
        };
        /**
         * ErrorCode
         * @description Stable codes, each with what it means: docs/errors.md is made of these lines.
         * @enum {string}
         */
        ErrorCode: "image_invalid" | "image_truncated" | "image_format_unsupported" | "image_too_large" | "image_missing" | "base64_invalid" | "mask_missing" | "mask_empty" | "mask_mismatch" | "reference_missing" | "crop_outside" | "size_unreachable" | "parameter_invalid" | "json_invalid" | "body_too_large" | "request_timeout" | "media_type_unsupported" | "not_acceptable" | "engine_unsupported" | "prompt_outside" | "nothing_found" | "idempotency_key_invalid" | "webhook_refused" | "key_missing" | "key_invalid" | "token_invalid" | "scope_missing" | "origin_refused" | "host_refused" | "job_unknown" | "image_unknown" | "route_unknown" | "method_not_allowed" | "model_not_found" | "result_not_ready" | "job_cancelled" | "job_exists" | "request_cancelled" | "idempotency_conflict" | "rate_limited" | "too_many_jobs" | "queue_full" | "broker_unavailable" | "broker_full" | "store_unavailable" | "wait_expired" | "worker_lost" | "time_limit" | "out_of_memory" | "engine_failed" | "internal";
        /**
         * FieldError
         * @description What is wrong with one field.
         */
        FieldError: {
            /** Field */
            field: string;
            /** Detail */
            detail: string;
            code: components["schemas"]["ErrorCode"];
        };
        /**
         * Format
         * @description Formats that are read; see ``OUTPUT_FORMATS`` for those that are written.
         * @enum {string}
         */
        Format: "png" | "jpeg" | "webp" | "avif" | "gif" | "tiff" | "bmp";
        /**
         * GatewayHealth
         * @description That the gateway lives.
         * @example {
         *       "device": "cpu",
         *       "device_info": {
         *         "engine": "opencv"
         *       },
         *       "model_loaded": true,
         *       "status": "healthy"
         *     }
         */
        GatewayHealth: {
            /** @description degraded: the gateway lives, but its broker does not answer. */
            status: components["schemas"]["Health"];
            /**
             * Model Loaded
             * @description Whether a generation worker is ready.
             */
            model_loaded: boolean;
            /**
             * Device
             * @description What the generation pool runs on: cpu or cuda; unknown until its model is loaded, asleep without workers.
             */
            device: string;
            /** Device Info */
            device_info: {
                [key: string]: unknown;
            };
        };
        /**
         * GpuState
         * @description A GPU at one moment.
         */
        GpuState: {
            /**
             * Gpu
             * @description Its UUID: another process of this machine that names the same one means the same one.
             */
            gpu: string;
            /**
             * Memory Used
             * @description Bytes, of all processes.
             */
            memory_used: number;
            /** Memory Total */
            memory_total: number;
            /**
             * Utilisation
             * @description Share of the last sample period (up to a second) in which a kernel ran; 0–1.
             */
            utilisation: number;
        };
        /**
         * Health
         * @description How a service is.
         * @enum {string}
         */
        Health: "healthy" | "asleep" | "starting" | "degraded" | "down";
        /**
         * ImageData
         * @description A picture, one way or the other.
         */
        ImageData: {
            /** B64 Json */
            b64_json?: string;
            /**
             * Url
             * @description Lives for an hour.
             */
            url?: string;
            darkroom: components["schemas"]["Origin"];
        };
        /**
         * ImagesAnswer
         * @description The pictures.
         * @example {
         *       "background": "opaque",
         *       "created": 1764000000,
         *       "data": [
         *         {
         *           "b64_json": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
         *           "darkroom": {
         *             "job_id": "1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
         *             "model_used": "opencv",
         *             "notes": [],
         *             "seed": 7
         *           }
         *         }
         *       ],
         *       "output_format": "png",
         *       "size": "1200x800"
         *     }
         */
        ImagesAnswer: {
            /**
             * Created
             * @description Unix seconds.
             */
            created: number;
            /**
             * Background
             * @default opaque
             * @constant
             */
            background: "opaque";
            output_format: components["schemas"]["PictureFormat"];
            /**
             * Size
             * @description Of the first picture.
             */
            size: string;
            /** Data */
            data: components["schemas"]["ImageData"][];
        };
        /**
         * InputQuality
         * @description Whether a model may work on a resized photo or has to use the original size.
         * @enum {string}
         */
        InputQuality: "resized" | "original";
        /**
         * JobStatus
         * @description Where a job is.
         * @example {
         *       "current_step": 20,
         *       "eta_seconds": 21.5,
         *       "message": "denoising",
         *       "preview_image_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         *       "preview_url": "/api/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         *       "progress": 0.5,
         *       "status": "processing",
         *       "task_id": "1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
         *       "total_steps": 40
         *     }
         */
        JobStatus: {
            /** Task Id */
            task_id: string;
            /** @description ``done``, ``error`` and ``cancelled`` are final; ``loading`` is a job whose pool is loading its model. */
            status: components["schemas"]["State"];
            /** Progress */
            progress: number;
            /**
             * Current Step
             * @description Steps begun; 0 before the first.
             */
            current_step: number;
            /**
             * Total Steps
             * @description 0 until it is known.
             */
            total_steps: number;
            /**
             * Queue Position
             * @description 1 is served next; None once the job is being generated.
             */
            queue_position: number | null;
            /**
             * Eta Seconds
             * @description Learned estimate of the seconds until the job is done; None while there is nothing to go by.
             */
            eta_seconds: number | null;
            /**
             * Loading Message
             * @description What the job waits for beside its place in the queue.
             */
            loading_message: string | null;
            /**
             * Message
             * @description What is being done.
             */
            message: string | null;
            /**
             * Preview Image Id
             * @description A small image of the state of the work; None without preview_every, and before the first one.
             */
            preview_image_id: string | null;
            /**
             * Preview Url
             * @description Where that image is.
             */
            preview_url: string | null;
            /**
             * Error
             * @description Why the job failed, in a sentence.
             */
            error: string | null;
            error_code: components["schemas"]["ErrorCode"] | null;
        };
        /**
         * MadeImage
         * @description What an image utility made.
         * @example {
         *       "format": "jpeg",
         *       "height": 341,
         *       "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
         *       "image_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         *       "width": 512
         *     }
         */
        MadeImage: {
            /**
             * Image Id
             * @description sha256 of its bytes; usable wherever an image is accepted.
             */
            image_id: string;
            /** Width */
            width: number;
            /** Height */
            height: number;
            format: components["schemas"]["Format"];
            /**
             * Image
             * @description The picture as base64.
             */
            image: string;
            /**
             * Extracted Image
             * @description The same, under the name that the frontend reads from extract-object.
             */
            extracted_image?: string;
            /**
             * Preview Image
             * @description The same, under the name that the frontend reads from add-shadow-preview.
             */
            preview_image?: string;
        };
        /**
         * MaskArea
         * @description What of a mask's picture marks the area to change.
         * @enum {string}
         */
        MaskArea: "white" | "transparent";
        /**
         * MaskCandidate
         * @description One of the masks that a prompt can mean.
         */
        MaskCandidate: {
            /**
             * Box
             * @description x0, y0, x1, y1 in pixels of the photo; x1 and y1 are exclusive.
             */
            box: [
                number,
                number,
                number,
                number
            ];
            /**
             * Area
             * @description Pixels.
             */
            area: number;
            /**
             * Score
             * @description The model's confidence, 0 to 1.
             */
            score: number;
        };
        /**
         * MaskSource
         * @description What a mask came from.
         * @enum {string}
         */
        MaskSource: "fastsam" | "opencv";
        /**
         * MaskTool
         * @description How the user drew the mask; a brush stroke is widened before inpainting, a box is not.
         * @enum {string}
         */
        MaskTool: "brush" | "box";
        /**
         * Model
         * @description A model of this gateway.
         * @example {
         *       "created": 1764547200,
         *       "id": "darkroom",
         *       "object": "model",
         *       "owned_by": "darkroom"
         *     }
         */
        Model: {
            id: components["schemas"]["Name"];
            /**
             * Object
             * @default model
             * @constant
             */
            object: "model";
            /**
             * Created
             * @description Unix seconds.
             * @default 1764547200
             */
            created: number;
            /**
             * Owned By
             * @default darkroom
             * @constant
             */
            owned_by: "darkroom";
        };
        /**
         * Models
         * @description The models of this gateway.
         * @example {
         *       "data": [
         *         {
         *           "created": 1764547200,
         *           "id": "darkroom",
         *           "object": "model",
         *           "owned_by": "darkroom"
         *         }
         *       ],
         *       "object": "list"
         *     }
         */
        Models: {
            /**
             * Object
             * @default list
             * @constant
             */
            object: "list";
            /** Data */
            data: components["schemas"]["Model"][];
        };
        /**
         * Name
         * @description Ids of models.
         * @enum {string}
         */
        Name: "darkroom" | "darkroom-removal" | "darkroom-insertion" | "darkroom-white-balance" | "darkroom-text-to-image";
        /**
         * OlderSecret
         * @description A secret that was rotated and still signs.
         */
        OlderSecret: {
            /** Secret */
            secret: string;
            /**
             * Until
             * @description Unix seconds by the ledger's clock.
             */
            until: number;
        };
        /**
         * OpenAIError
         * @description What went wrong.
         */
        OpenAIError: {
            /**
             * Message
             * @description What happened and what to change.
             */
            message: string;
            /** Type */
            type: string;
            /**
             * Param
             * @description The parameter that is wrong, where it is one.
             */
            param: string | null;
            code: components["schemas"]["ErrorCode"];
        };
        /**
         * Operation
         * @description What a client can ask for.
         * @enum {string}
         */
        Operation: "removal" | "insertion" | "white-balance" | "text-to-image";
        /**
         * Origin
         * @description Darkroom's own: where a picture comes from.
         */
        Origin: {
            /**
             * Job Id
             * @description As in `/api/generate/status/{job_id}`.
             */
            job_id: string;
            /**
             * Model Used
             * @description The engine that computed it.
             */
            model_used: string;
            /** Seed */
            seed: number | null;
            /**
             * Notes
             * @description What of the request had no effect, or another one than one might expect.
             * @default []
             */
            notes: string[];
        };
        /**
         * Parameters
         * @description An edit as it was carried out: with the seed that was drawn, and ids for images.
         */
        Parameters: {
            operation: components["schemas"]["Operation"];
            /** Photo */
            photo?: string;
            /** Mask */
            mask?: string;
            /** Reference */
            reference?: string;
            /** Reference Mask */
            reference_mask?: string;
            /**
             * Prompt
             * @default
             */
            prompt: string;
            /**
             * Negative Prompt
             * @default
             */
            negative_prompt: string;
            /** Width */
            width?: number;
            /** Height */
            height?: number;
            /** @default quality */
            preset: components["schemas"]["Preset"];
            /**
             * Num Inference Steps
             * @default 40
             */
            num_inference_steps: number;
            /** Guidance Scale */
            guidance_scale?: number;
            /**
             * True Cfg Scale
             * @default 4
             */
            true_cfg_scale: number;
            /** Scheduler Shift */
            scheduler_shift?: number;
            /** Seed */
            seed?: number;
            /** @default resized */
            input_quality: components["schemas"]["InputQuality"];
            /** @default brush */
            mask_tool_type: components["schemas"]["MaskTool"];
            /** @default white */
            mask_area: components["schemas"]["MaskArea"];
            /**
             * Enable Mae Refinement
             * @default true
             */
            enable_mae_refinement: boolean;
            /**
             * Enable Flowmatch Scheduler
             * @default false
             */
            enable_flowmatch_scheduler: boolean;
            /**
             * Enable Debug
             * @default false
             */
            enable_debug: boolean;
            /** Angle */
            angle?: string;
            /** Background Preset */
            background_preset?: string;
            /**
             * Preview Every
             * @default 0
             */
            preview_every: number;
        };
        /**
         * PictureFormat
         * @description What a picture is written as.
         * @enum {string}
         */
        PictureFormat: "png" | "jpeg" | "webp";
        /**
         * Prefetch
         * @description What an upload can prepare.
         * @enum {string}
         */
        Prefetch: "masks";
        /**
         * Prefetched
         * @description What an upload has prepared for later clicks.
         * @enum {string}
         */
        Prefetched: "masks" | "stored" | "not_needed";
        /**
         * Preset
         * @description What the parameters are that a client does not set: few steps of a distilled adapter, or the model's own.
         * @enum {string}
         */
        Preset: "fast" | "quality";
        /**
         * Probe
         * @description That it is so.
         * @example {
         *       "status": "healthy"
         *     }
         */
        Probe: {
            /** @description healthy; what is not is a problem document. */
            status: components["schemas"]["Health"];
        };
        /**
         * Problem
         * @description Body of every error response (RFC 9457).
         */
        Problem: {
            /**
             * Type
             * @description URN that names the kind of problem.
             */
            type: string;
            /** Title */
            title: string;
            /** Status */
            status: number;
            /**
             * Detail
             * @description What happened and what to change.
             */
            detail: string;
            /**
             * Instance
             * @description Path of the request; the X-Request-ID header finds it in the log.
             */
            instance: string;
            code: components["schemas"]["ErrorCode"];
            /**
             * Error Type
             * @description Class of the error.
             * @enum {string}
             */
            error_type: "InputError" | "AccessError" | "NotFoundError" | "ConflictError" | "LimitError" | "UnavailableError" | "ProcessingError";
            /**
             * Errors
             * @description Each field that is wrong, where the request was checked field by field.
             */
            errors?: components["schemas"]["FieldError"][];
        };
        /**
         * ProfileName
         * @description Modules of this package that describe one pool's worker.
         * @enum {string}
         */
        ProfileName: "cpu" | "t4" | "a100" | "jobs";
        /**
         * RefinerName
         * @description What can sharpen a mask's edge: ``birefnet`` is a module of this package, ``grabcut`` needs no model.
         * @enum {string}
         */
        RefinerName: "grabcut" | "birefnet";
        /**
         * Result
         * @description What came out of a job.
         * @example {
         *       "format": "png",
         *       "generation_time": 1.84,
         *       "height": 800,
         *       "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
         *       "image_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         *       "model_used": "opencv",
         *       "notes": [],
         *       "parameters_used": {
         *         "operation": "removal",
         *         "seed": 7
         *       },
         *       "reproducibility": {
         *         "engine": "opencv",
         *         "seed": 7,
         *         "versions": {
         *           "opencv": "5.0"
         *         }
         *       },
         *       "stages": {
         *         "edit": 1.7,
         *         "load": 0.05,
         *         "store": 0.09
         *       },
         *       "status": "done",
         *       "task_id": "1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
         *       "width": 1200
         *     }
         */
        Result: {
            /** Task Id */
            task_id: string;
            /**
             * Status
             * @default done
             * @constant
             */
            status: "done";
            /**
             * Image
             * @description The picture as base64.
             */
            image: string;
            /** Image Id */
            image_id: string;
            format: components["schemas"]["Format"];
            /** Width */
            width: number;
            /** Height */
            height: number;
            /**
             * Model Used
             * @description The engine that computed it.
             */
            model_used: string;
            /**
             * Generation Time
             * @description Seconds on the generation worker.
             */
            generation_time: number;
            /**
             * Stages
             * @description Seconds of each stage of these.
             * @default {}
             */
            stages: {
                [key: string]: number;
            };
            parameters_used: components["schemas"]["Parameters"];
            /**
             * Reproducibility
             * @default {}
             */
            reproducibility: {
                [key: string]: unknown;
            };
            /**
             * Notes
             * @description What of the request had no effect, or another one than one might expect.
             * @default []
             */
            notes: string[];
            /**
             * Debug Info
             * @description Only where the request said enable_debug.
             */
            debug_info?: {
                [key: string]: unknown;
            };
        };
        /**
         * Service
         * @description What the pool does, as system health names it.
         * @enum {string}
         */
        Service: "image_utils" | "segmentation" | "generation" | "job_manager";
        /**
         * ServiceHealth
         * @description How one pool is.
         */
        ServiceHealth: {
            status: components["schemas"]["Health"];
            /**
             * Message
             * @description What its workers load while it starts.
             */
            message: string | null;
            /**
             * Engines
             * @description What computes there; empty where no engine is loaded, or nobody works.
             */
            engines: string[];
            /**
             * Workers
             * @description Without their names, machines and processes where keys are asked for, unless the key has the scope admin.
             */
            workers: components["schemas"]["WorkerHealth"][];
            /**
             * States
             * @description How many workers are in each state; a state that none is in is left out.
             */
            states: {
                [key: string]: number;
            };
            /**
             * Slots
             * @description Tasks that the live workers can run at once.
             */
            slots: number;
            /**
             * In Flight
             * @description Tasks that they run now.
             */
            in_flight: number;
            /**
             * Queue Depth
             * @description Jobs or messages that wait for this pool.
             */
            queue_depth: number;
            /**
             * Open Jobs
             * @description Jobs that this pool has to work on, now or later, those in flight included: what a scaler keeps machines for.
             */
            open_jobs: number;
            /**
             * Oldest Job Seconds
             * @description How long the job or message that came first has waited; 0 when none does.
             */
            oldest_job_seconds: number;
            /**
             * Desired
             * @description Machines that the pool should have; null where nothing is scaled, or the scaler is silent.
             */
            desired: number | null;
            /**
             * Desired Reason
             * @description Why, and what AWS refused.
             */
            desired_reason: string | null;
        };
        /**
         * SmartMaskAnswer
         * @description The mask of what was meant.
         * @example {
         *       "area": 81240,
         *       "box": [
         *         410,
         *         200,
         *         690,
         *         610
         *       ],
         *       "candidate": 0,
         *       "candidates": [
         *         {
         *           "area": 81240,
         *           "box": [
         *             410,
         *             200,
         *             690,
         *             610
         *           ],
         *           "score": 0.91
         *         },
         *         {
         *           "area": 214800,
         *           "box": [
         *             380,
         *             190,
         *             900,
         *             800
         *           ],
         *           "score": 0.84
         *         }
         *       ],
         *       "height": 800,
         *       "image_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         *       "mask_base64": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
         *       "mask_id": "2a10066628abeae5d7350f02eda9cff7bfe49690bb00de15fbcad89ddc4e781a",
         *       "model_used": "fastsam",
         *       "request_id": "click-17",
         *       "success": true,
         *       "width": 1200
         *     }
         */
        SmartMaskAnswer: {
            /**
             * Success
             * @default true
             * @constant
             */
            success: true;
            /**
             * Mask Base64
             * @description A PNG of the photo's size: white is the object; grey is a soft edge.
             */
            mask_base64: string;
            /**
             * Mask Id
             * @description Names the mask wherever an image is accepted, such as the mask of an edit.
             */
            mask_id: string;
            /**
             * Image Id
             * @description Names the photo: later clicks need not send it again.
             */
            image_id: string;
            /** Request Id */
            request_id: string;
            /** Width */
            width: number;
            /** Height */
            height: number;
            /**
             * Box
             * @description x0, y0, x1, y1 of the mask, in pixels of the upright photo; x1 and y1 are exclusive.
             */
            box: [
                number,
                number,
                number,
                number
            ];
            /**
             * Area
             * @description Pixels.
             */
            area: number;
            /**
             * Candidates
             * @description What the prompts can mean: ask again with the index of another one as `candidate`.
             */
            candidates: components["schemas"]["MaskCandidate"][];
            /**
             * Candidate
             * @description The index of this one.
             */
            candidate: number;
            model_used: components["schemas"]["MaskSource"];
            /** @description What sharpened the edge, where model_type asked for it. */
            refined_with: components["schemas"]["RefinerName"] | null;
        };
        /**
         * State
         * @description Where a job is. ``done``, ``error`` and ``cancelled`` are final.
         * @enum {string}
         */
        State: "queued" | "preprocessing" | "loading" | "processing" | "done" | "error" | "cancelled";
        /**
         * SystemHealth
         * @description How everything is.
         * @example {
         *       "open_jobs": 1,
         *       "services": {
         *         "generation": {
         *           "desired": 1,
         *           "desired_reason": "0 waiting (about 0 s of work), 1 running: 1 will do",
         *           "engines": [
         *             "qwen"
         *           ],
         *           "in_flight": 1,
         *           "oldest_job_seconds": 0,
         *           "open_jobs": 1,
         *           "queue_depth": 0,
         *           "slots": 1,
         *           "states": {
         *             "busy": 1
         *           },
         *           "status": "healthy",
         *           "workers": [
         *             {
         *               "active": 1,
         *               "device": "cuda",
         *               "engine": "qwen",
         *               "message": "",
         *               "profile": "a100",
         *               "service": "generation",
         *               "slots": 1,
         *               "state": "busy"
         *             }
         *           ]
         *         },
         *         "segmentation": {
         *           "desired": 0,
         *           "desired_reason": "nothing to do",
         *           "engines": [],
         *           "in_flight": 0,
         *           "oldest_job_seconds": 0,
         *           "open_jobs": 0,
         *           "queue_depth": 0,
         *           "slots": 0,
         *           "states": {},
         *           "status": "asleep",
         *           "workers": []
         *         }
         *       },
         *       "status": "healthy"
         *     }
         */
        SystemHealth: {
            /** @description healthy or degraded. */
            status: components["schemas"]["Health"];
            /**
             * Open Jobs
             * @description Jobs that have not ended.
             */
            open_jobs: number;
            /** Services */
            services: {
                [key: string]: components["schemas"]["ServiceHealth"];
            };
        };
        /**
         * Token
         * @description A token and what it opens.
         * @example {
         *       "expires_at": "2026-01-01T12:05:00Z",
         *       "token": "WyI4Yz…",
         *       "url": "/api/generate/stream/0f8fad5b-d9cb-469f-a165-70867728950e?token=WyI4Yz…"
         *     }
         */
        Token: {
            /** Token */
            token: string;
            /**
             * Url
             * @description The path with the token: for `src`, `href` or `new EventSource(…)`.
             */
            url: string;
            /**
             * Expires At
             * Format: date-time
             * @description A stream that is open then goes on; opening it again needs another token.
             */
            expires_at: string;
        };
        /**
         * UploadedImage
         * @description An image that was uploaded.
         * @example {
         *       "format": "jpeg",
         *       "height": 800,
         *       "image_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         *       "width": 1200
         *     }
         */
        UploadedImage: {
            /**
             * Image Id
             * @description sha256 of its bytes; usable wherever an image is accepted.
             */
            image_id: string;
            /** Width */
            width: number;
            /** Height */
            height: number;
            format: components["schemas"]["Format"];
            /** @description Of the photo's masks, where that was asked for: being made, there already, or nothing that clicks need. */
            prefetch?: components["schemas"]["Prefetched"];
        };
        /**
         * WebhookSecret
         * @description What the caller's webhooks are signed with.
         * @example {
         *       "older": [
         *         {
         *           "secret": "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
         *           "until": 1764086400
         *         }
         *       ],
         *       "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
         *     }
         */
        WebhookSecret: {
            /** Secret */
            secret: string;
            /**
             * Older
             * @description Those that were rotated, while they sign beside it; `until` is in Unix seconds.
             */
            older: components["schemas"]["OlderSecret"][];
        };
        /**
         * WorkerHealth
         * @description What one worker tells of itself.
         */
        WorkerHealth: {
            profile: components["schemas"]["ProfileName"];
            service: components["schemas"]["Service"];
            /**
             * Engine
             * @description What computes there; null where no engine is needed.
             */
            engine: string | null;
            /**
             * Device
             * @description What it computes on, such as cpu or cuda; null until its model is loaded.
             */
            device: string | null;
            state: components["schemas"]["WorkerState"];
            /**
             * Message
             * @description What takes time; empty where nothing does.
             */
            message: string;
            /**
             * Slots
             * @description Tasks that it can run at once.
             */
            slots: number;
            /**
             * Active
             * @description Tasks that it runs now.
             */
            active: number;
            /**
             * Taken
             * @description Tasks since its start; this and what follows is left out for keys that may not see machines.
             */
            taken?: number;
            /**
             * Name
             * @description Its profile, machine and process.
             */
            name?: string;
            /** Pid */
            pid?: number;
            /**
             * Started At
             * @description Unix seconds.
             */
            started_at?: number;
            /**
             * Gpu
             * @description Left out on machines without one.
             */
            gpu?: components["schemas"]["GpuState"];
        };
        /**
         * WorkerState
         * @description What a worker does.
         * @enum {string}
         */
        WorkerState: "starting" | "loading" | "ready" | "busy" | "draining";
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    generate: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "conditional_images": [
                 *         "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
                 *       ],
                 *       "input_image": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                 *       "mask_tool_type": "brush",
                 *       "seed": 7,
                 *       "task_type": "removal"
                 *     }
                 */
                "application/json": {
                    /** @description Absent and without an image: text-to-image. */
                    task_type?: ("removal" | "insertion" | "white-balance" | "text-to-image") | null;
                    /**
                     * Input Image
                     * @description The photo to edit.
                     */
                    input_image?: string | null;
                    /**
                     * Conditional Images
                     * @description The mask: white where the photo may change. Further images are not read: conditions are computed here.
                     * @default []
                     */
                    conditional_images?: string[];
                    /**
                     * Reference Image
                     * @description The image that holds the object to insert.
                     */
                    reference_image?: string | null;
                    /**
                     * Reference Mask R
                     * @description White where that object is; without it the object is found.
                     */
                    reference_mask_R?: string | null;
                    /** Prompt */
                    prompt?: string | null;
                    /** Negative Prompt */
                    negative_prompt?: string | null;
                    /** Width */
                    width?: number | null;
                    /** Height */
                    height?: number | null;
                    /** Num Inference Steps */
                    num_inference_steps?: number | null;
                    /**
                     * @description What steps and guidance are where they are not given: `fast` is 4 steps without guidance (needs a Lightning
                     *     adapter), `quality` (default) 40 steps at a true_cfg_scale of 4.
                     */
                    preset?: ("fast" | "quality") | null;
                    /**
                     * Guidance Scale
                     * @description Has no effect of its own on Qwen-Image-Edit: it stands for a true_cfg_scale that is not given.
                     */
                    guidance_scale?: number | null;
                    /**
                     * True Cfg Scale
                     * @description Classifier-free guidance; at most 1 turns it off.
                     */
                    true_cfg_scale?: number | null;
                    /**
                     * Scheduler Shift
                     * @description Static shift of the noise schedule; the checkpoint's own, which depends on the size, if absent.
                     */
                    scheduler_shift?: number | null;
                    /**
                     * Seed
                     * @description Makes a second request give the same picture; drawn if absent.
                     */
                    seed?: number | null;
                    input_quality?: ("resized" | "original") | null;
                    mask_tool_type?: ("brush" | "box") | null;
                    /** Enable Mae Refinement */
                    enable_mae_refinement?: boolean | null;
                    /** Enable Flowmatch Scheduler */
                    enable_flowmatch_scheduler?: boolean | null;
                    /**
                     * Enable Debug
                     * @description Have the result carry debug_info.
                     */
                    enable_debug?: boolean | null;
                    /** Angle */
                    angle?: string | null;
                    /** Background Preset */
                    background_preset?: string | null;
                    /**
                     * Preview Every
                     * @description Steps between two previews, which the status names; none if absent or 0.
                     */
                    preview_every?: number | null;
                    /**
                     * Webhook Url
                     * @description A public https address that gets a signed message when the job has ended; no part of the picture.
                     */
                    webhook_url?: string | null;
                };
                "multipart/form-data": {
                    /**
                     * Operation
                     * @description Absent and without an image: text-to-image.
                     * @enum {string}
                     */
                    task_type?: "removal" | "insertion" | "white-balance" | "text-to-image";
                    input_image?: Blob | string;
                    /**
                     * Conditional Images
                     * @description The mask: white where the photo may change. Further images are not read: conditions are computed here.
                     * @default []
                     */
                    conditional_images?: string[];
                    reference_image?: Blob | string;
                    /**
                     * Reference Mask R
                     * @description White where that object is; without it the object is found.
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    reference_mask_R?: string;
                    /** Prompt */
                    prompt?: string;
                    /** Negative Prompt */
                    negative_prompt?: string;
                    /** Width */
                    width?: number;
                    /** Height */
                    height?: number;
                    /** Num Inference Steps */
                    num_inference_steps?: number;
                    /**
                     * Preset
                     * @description What steps and guidance are where they are not given: `fast` is 4 steps without guidance (needs a Lightning
                     *     adapter), `quality` (default) 40 steps at a true_cfg_scale of 4.
                     * @enum {string}
                     */
                    preset?: "fast" | "quality";
                    /**
                     * Guidance Scale
                     * @description Has no effect of its own on Qwen-Image-Edit: it stands for a true_cfg_scale that is not given.
                     */
                    guidance_scale?: number;
                    /**
                     * True Cfg Scale
                     * @description Classifier-free guidance; at most 1 turns it off.
                     */
                    true_cfg_scale?: number;
                    /**
                     * Scheduler Shift
                     * @description Static shift of the noise schedule; the checkpoint's own, which depends on the size, if absent.
                     */
                    scheduler_shift?: number;
                    /**
                     * Seed
                     * @description Makes a second request give the same picture; drawn if absent.
                     */
                    seed?: number;
                    /**
                     * InputQuality
                     * @description Whether a model may work on a resized photo or has to use the original size.
                     * @enum {string}
                     */
                    input_quality?: "resized" | "original";
                    /**
                     * MaskTool
                     * @description How the user drew the mask; a brush stroke is widened before inpainting, a box is not.
                     * @enum {string}
                     */
                    mask_tool_type?: "brush" | "box";
                    /** Enable Mae Refinement */
                    enable_mae_refinement?: boolean;
                    /** Enable Flowmatch Scheduler */
                    enable_flowmatch_scheduler?: boolean;
                    /**
                     * Enable Debug
                     * @description Have the result carry debug_info.
                     */
                    enable_debug?: boolean;
                    /** Angle */
                    angle?: string;
                    /** Background Preset */
                    background_preset?: string;
                    /**
                     * Preview Every
                     * @description Steps between two previews, which the status names; none if absent or 0.
                     */
                    preview_every?: number;
                    /**
                     * Webhook Url
                     * @description A public https address that gets a signed message when the job has ended; no part of the picture.
                     */
                    webhook_url?: string;
                    mask?: Blob | string;
                    reference_mask?: Blob | string;
                };
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Result"];
                };
            };
            /** @description The job goes on; follow it at status_url. */
            202: {
                headers: {
                    /** @description Where its status is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict`, `job_cancelled` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `mask_missing`, `mask_mismatch`, `reference_missing`, `parameter_invalid`, `engine_unsupported`, `webhook_refused`, `mask_empty` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_jobs`, `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `worker_lost`, `time_limit`, `out_of_memory`, `engine_failed`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    generate_async: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "conditional_images": [
                 *         "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
                 *       ],
                 *       "input_image": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                 *       "mask_tool_type": "brush",
                 *       "seed": 7,
                 *       "task_type": "removal"
                 *     }
                 */
                "application/json": {
                    /** @description Absent and without an image: text-to-image. */
                    task_type?: ("removal" | "insertion" | "white-balance" | "text-to-image") | null;
                    /**
                     * Input Image
                     * @description The photo to edit.
                     */
                    input_image?: string | null;
                    /**
                     * Conditional Images
                     * @description The mask: white where the photo may change. Further images are not read: conditions are computed here.
                     * @default []
                     */
                    conditional_images?: string[];
                    /**
                     * Reference Image
                     * @description The image that holds the object to insert.
                     */
                    reference_image?: string | null;
                    /**
                     * Reference Mask R
                     * @description White where that object is; without it the object is found.
                     */
                    reference_mask_R?: string | null;
                    /** Prompt */
                    prompt?: string | null;
                    /** Negative Prompt */
                    negative_prompt?: string | null;
                    /** Width */
                    width?: number | null;
                    /** Height */
                    height?: number | null;
                    /** Num Inference Steps */
                    num_inference_steps?: number | null;
                    /**
                     * @description What steps and guidance are where they are not given: `fast` is 4 steps without guidance (needs a Lightning
                     *     adapter), `quality` (default) 40 steps at a true_cfg_scale of 4.
                     */
                    preset?: ("fast" | "quality") | null;
                    /**
                     * Guidance Scale
                     * @description Has no effect of its own on Qwen-Image-Edit: it stands for a true_cfg_scale that is not given.
                     */
                    guidance_scale?: number | null;
                    /**
                     * True Cfg Scale
                     * @description Classifier-free guidance; at most 1 turns it off.
                     */
                    true_cfg_scale?: number | null;
                    /**
                     * Scheduler Shift
                     * @description Static shift of the noise schedule; the checkpoint's own, which depends on the size, if absent.
                     */
                    scheduler_shift?: number | null;
                    /**
                     * Seed
                     * @description Makes a second request give the same picture; drawn if absent.
                     */
                    seed?: number | null;
                    input_quality?: ("resized" | "original") | null;
                    mask_tool_type?: ("brush" | "box") | null;
                    /** Enable Mae Refinement */
                    enable_mae_refinement?: boolean | null;
                    /** Enable Flowmatch Scheduler */
                    enable_flowmatch_scheduler?: boolean | null;
                    /**
                     * Enable Debug
                     * @description Have the result carry debug_info.
                     */
                    enable_debug?: boolean | null;
                    /** Angle */
                    angle?: string | null;
                    /** Background Preset */
                    background_preset?: string | null;
                    /**
                     * Preview Every
                     * @description Steps between two previews, which the status names; none if absent or 0.
                     */
                    preview_every?: number | null;
                    /**
                     * Webhook Url
                     * @description A public https address that gets a signed message when the job has ended; no part of the picture.
                     */
                    webhook_url?: string | null;
                };
                "multipart/form-data": {
                    /**
                     * Operation
                     * @description Absent and without an image: text-to-image.
                     * @enum {string}
                     */
                    task_type?: "removal" | "insertion" | "white-balance" | "text-to-image";
                    input_image?: Blob | string;
                    /**
                     * Conditional Images
                     * @description The mask: white where the photo may change. Further images are not read: conditions are computed here.
                     * @default []
                     */
                    conditional_images?: string[];
                    reference_image?: Blob | string;
                    /**
                     * Reference Mask R
                     * @description White where that object is; without it the object is found.
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    reference_mask_R?: string;
                    /** Prompt */
                    prompt?: string;
                    /** Negative Prompt */
                    negative_prompt?: string;
                    /** Width */
                    width?: number;
                    /** Height */
                    height?: number;
                    /** Num Inference Steps */
                    num_inference_steps?: number;
                    /**
                     * Preset
                     * @description What steps and guidance are where they are not given: `fast` is 4 steps without guidance (needs a Lightning
                     *     adapter), `quality` (default) 40 steps at a true_cfg_scale of 4.
                     * @enum {string}
                     */
                    preset?: "fast" | "quality";
                    /**
                     * Guidance Scale
                     * @description Has no effect of its own on Qwen-Image-Edit: it stands for a true_cfg_scale that is not given.
                     */
                    guidance_scale?: number;
                    /**
                     * True Cfg Scale
                     * @description Classifier-free guidance; at most 1 turns it off.
                     */
                    true_cfg_scale?: number;
                    /**
                     * Scheduler Shift
                     * @description Static shift of the noise schedule; the checkpoint's own, which depends on the size, if absent.
                     */
                    scheduler_shift?: number;
                    /**
                     * Seed
                     * @description Makes a second request give the same picture; drawn if absent.
                     */
                    seed?: number;
                    /**
                     * InputQuality
                     * @description Whether a model may work on a resized photo or has to use the original size.
                     * @enum {string}
                     */
                    input_quality?: "resized" | "original";
                    /**
                     * MaskTool
                     * @description How the user drew the mask; a brush stroke is widened before inpainting, a box is not.
                     * @enum {string}
                     */
                    mask_tool_type?: "brush" | "box";
                    /** Enable Mae Refinement */
                    enable_mae_refinement?: boolean;
                    /** Enable Flowmatch Scheduler */
                    enable_flowmatch_scheduler?: boolean;
                    /**
                     * Enable Debug
                     * @description Have the result carry debug_info.
                     */
                    enable_debug?: boolean;
                    /** Angle */
                    angle?: string;
                    /** Background Preset */
                    background_preset?: string;
                    /**
                     * Preview Every
                     * @description Steps between two previews, which the status names; none if absent or 0.
                     */
                    preview_every?: number;
                    /**
                     * Webhook Url
                     * @description A public https address that gets a signed message when the job has ended; no part of the picture.
                     */
                    webhook_url?: string;
                    mask?: Blob | string;
                    reference_mask?: Blob | string;
                };
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `mask_missing`, `mask_mismatch`, `reference_missing`, `parameter_invalid`, `engine_unsupported`, `webhook_refused` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_jobs`, `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    generate_status: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobStatus"];
                };
            };
            /** @description `key_missing`, `key_invalid`, `token_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    generate_result: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Result"];
                };
            };
            /** @description `key_missing`, `key_invalid`, `token_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_unknown`, `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `result_not_ready`, `job_cancelled` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `mask_empty` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `worker_lost`, `time_limit`, `out_of_memory`, `engine_failed`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    generate_result_image: {
        parameters: {
            query?: never;
            header?: {
                accept?: string;
            };
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The picture in the format that Accept prefers; `*\/*` gets it as it is stored. */
            200: {
                headers: {
                    /** @description Names these bytes; send it as If-None-Match. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/png": Blob;
                    "image/jpeg": Blob;
                    "image/webp": Blob;
                };
            };
            /** @description The client has it already. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `key_missing`, `key_invalid`, `token_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_unknown`, `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable` */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `result_not_ready`, `job_cancelled` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `mask_empty` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `worker_lost`, `time_limit`, `out_of_memory`, `engine_failed`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable`, `wait_expired`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    generate_stream: {
        parameters: {
            query?: never;
            header?: {
                "last-event-id"?: string | null;
            };
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-sent events: `data:` a status object, `id:` its place. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example data: {"task_id":"1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11","status":"processing","progress":0.5,"current_step":20,"total_steps":40,"queue_position":null,"eta_seconds":21.5,"loading_message":null,"message":"denoising","preview_image_id":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","preview_url":"/api/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","error":null,"error_code":null}
                     *     id: 1764-0
                     */
                    "text/event-stream": string;
                };
            };
            /** @description The job has ended and Last-Event-ID is its last event: stop coming back. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `key_missing`, `key_invalid`, `token_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    generate_cancel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cancelled"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    generate_delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cancelled"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    smart_mask: {
        parameters: {
            query?: {
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                points?: [
                    number,
                    number
                ][];
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                labels?: (0 | 1)[];
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                bbox?: [
                    number,
                    number,
                    number,
                    number
                ];
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                auto_detect?: boolean;
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                candidate?: number;
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                border_adjustment?: number;
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                use_blur?: boolean;
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                model_type?: "fastsam" | "birefnet";
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                image_id?: string;
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                request_id?: string;
            };
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "image_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                 *       "points": [
                 *         [
                 *           640,
                 *           360
                 *         ]
                 *       ],
                 *       "request_id": "click-17"
                 *     }
                 */
                "application/json": {
                    /**
                     * Points
                     * @description x, y of each click.
                     * @default []
                     */
                    points?: [
                        number,
                        number
                    ][];
                    /**
                     * Labels
                     * @description For each point 1 (belongs to the object) or 0 (does not); without labels all belong to it.
                     * @default []
                     */
                    labels?: (0 | 1)[];
                    /**
                     * Bbox
                     * @description x0, y0, x1, y1; x1 and y1 are exclusive.
                     */
                    bbox?: [
                        number,
                        number,
                        number,
                        number
                    ] | null;
                    /**
                     * Auto Detect
                     * @description Find the main object, by size and place; needs no other prompt.
                     * @default false
                     */
                    auto_detect?: boolean;
                    /**
                     * Candidate
                     * @description Which of the masks that a prompt can mean: 0 is the one meant most likely, larger ones follow.
                     * @default 0
                     */
                    candidate?: number;
                    /**
                     * Border Adjustment
                     * @description Pixels by which the mask grows, or shrinks if negative.
                     * @default 0
                     */
                    border_adjustment?: number;
                    /**
                     * Use Blur
                     * @description Soften the edge.
                     * @default false
                     */
                    use_blur?: boolean;
                    /**
                     * MaskModel
                     * @description What today's frontend asks for: the segmentation engine's mask as it is, or with a sharper edge.
                     * @default fastsam
                     * @enum {string}
                     */
                    model_type?: "fastsam" | "birefnet";
                    /**
                     * Image
                     * @description The photo.
                     */
                    image?: string | null;
                    /**
                     * Image Id
                     * @description The photo's id in its place, as an earlier answer told it.
                     */
                    image_id?: string | null;
                    /**
                     * Mask
                     * @description Brush strokes on the photo, white: they are inside the object, not its outline.
                     */
                    mask?: string | null;
                    /**
                     * Request Id
                     * @description A name for this one request, by which it can be cancelled; drawn if absent.
                     */
                    request_id?: string | null;
                };
                "multipart/form-data": {
                    /**
                     * Points
                     * @description x, y of each click.
                     * @default []
                     */
                    points?: [
                        number,
                        number
                    ][];
                    /**
                     * Labels
                     * @description For each point 1 (belongs to the object) or 0 (does not); without labels all belong to it.
                     * @default []
                     */
                    labels?: (0 | 1)[];
                    /**
                     * Bbox
                     * @description x0, y0, x1, y1; x1 and y1 are exclusive.
                     */
                    bbox?: [
                        number,
                        number,
                        number,
                        number
                    ];
                    /**
                     * Auto Detect
                     * @description Find the main object, by size and place; needs no other prompt.
                     * @default false
                     */
                    auto_detect?: boolean;
                    /**
                     * Candidate
                     * @description Which of the masks that a prompt can mean: 0 is the one meant most likely, larger ones follow.
                     * @default 0
                     */
                    candidate?: number;
                    /**
                     * Border Adjustment
                     * @description Pixels by which the mask grows, or shrinks if negative.
                     * @default 0
                     */
                    border_adjustment?: number;
                    /**
                     * Use Blur
                     * @description Soften the edge.
                     * @default false
                     */
                    use_blur?: boolean;
                    /**
                     * MaskModel
                     * @description What today's frontend asks for: the segmentation engine's mask as it is, or with a sharper edge.
                     * @default fastsam
                     * @enum {string}
                     */
                    model_type?: "fastsam" | "birefnet";
                    image?: Blob | string;
                    /**
                     * Image Id
                     * @description The photo's id in its place, as an earlier answer told it.
                     */
                    image_id?: string;
                    mask?: Blob | string;
                    /**
                     * Request Id
                     * @description A name for this one request, by which it can be cancelled; drawn if absent.
                     */
                    request_id?: string;
                };
                "image/png": Blob;
                "image/jpeg": Blob;
                "image/webp": Blob;
            };
        };
        responses: {
            /** @description The mask: JSON with base64, or its PNG bytes where Accept prefers an image. */
            200: {
                headers: {
                    /** @description In an answer of bytes. */
                    "X-Image-ID"?: string;
                    /** @description In an answer of bytes. */
                    "X-Mask-ID"?: string;
                    /** @description In an answer of bytes. */
                    "X-Mask-Request-ID"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SmartMaskAnswer"];
                    "image/png": Blob;
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable` */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_cancelled`, `idempotency_conflict`, `result_not_ready` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `parameter_invalid`, `mask_empty`, `mask_mismatch`, `prompt_outside`, `nothing_found`, `engine_unsupported` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `time_limit`, `out_of_memory`, `worker_lost`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `broker_unavailable`, `store_unavailable`, `wait_expired` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    smart_mask_detect: {
        parameters: {
            query?: {
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                candidate?: number;
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                border_adjustment?: number;
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                use_blur?: boolean;
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                model_type?: "fastsam" | "birefnet";
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                image_id?: string;
                /** @description Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40. */
                request_id?: string;
            };
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "image_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                 *       "request_id": "click-17"
                 *     }
                 */
                "application/json": {
                    /**
                     * Candidate
                     * @description Which of the masks that a prompt can mean: 0 is the one meant most likely, larger ones follow.
                     * @default 0
                     */
                    candidate?: number;
                    /**
                     * Border Adjustment
                     * @description Pixels by which the mask grows, or shrinks if negative.
                     * @default 0
                     */
                    border_adjustment?: number;
                    /**
                     * Use Blur
                     * @description Soften the edge.
                     * @default false
                     */
                    use_blur?: boolean;
                    /**
                     * MaskModel
                     * @description What today's frontend asks for: the segmentation engine's mask as it is, or with a sharper edge.
                     * @default fastsam
                     * @enum {string}
                     */
                    model_type?: "fastsam" | "birefnet";
                    /**
                     * Image
                     * @description The photo.
                     */
                    image?: string | null;
                    /**
                     * Image Id
                     * @description The photo's id in its place, as an earlier answer told it.
                     */
                    image_id?: string | null;
                    /**
                     * Request Id
                     * @description A name for this one request, by which it can be cancelled; drawn if absent.
                     */
                    request_id?: string | null;
                };
                "multipart/form-data": {
                    /**
                     * Candidate
                     * @description Which of the masks that a prompt can mean: 0 is the one meant most likely, larger ones follow.
                     * @default 0
                     */
                    candidate?: number;
                    /**
                     * Border Adjustment
                     * @description Pixels by which the mask grows, or shrinks if negative.
                     * @default 0
                     */
                    border_adjustment?: number;
                    /**
                     * Use Blur
                     * @description Soften the edge.
                     * @default false
                     */
                    use_blur?: boolean;
                    /**
                     * MaskModel
                     * @description What today's frontend asks for: the segmentation engine's mask as it is, or with a sharper edge.
                     * @default fastsam
                     * @enum {string}
                     */
                    model_type?: "fastsam" | "birefnet";
                    image?: Blob | string;
                    /**
                     * Image Id
                     * @description The photo's id in its place, as an earlier answer told it.
                     */
                    image_id?: string;
                    /**
                     * Request Id
                     * @description A name for this one request, by which it can be cancelled; drawn if absent.
                     */
                    request_id?: string;
                };
                "image/png": Blob;
                "image/jpeg": Blob;
                "image/webp": Blob;
            };
        };
        responses: {
            /** @description The mask: JSON with base64, or its PNG bytes where Accept prefers an image. */
            200: {
                headers: {
                    /** @description In an answer of bytes. */
                    "X-Image-ID"?: string;
                    /** @description In an answer of bytes. */
                    "X-Mask-ID"?: string;
                    /** @description In an answer of bytes. */
                    "X-Mask-Request-ID"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SmartMaskAnswer"];
                    "image/png": Blob;
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable` */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_cancelled`, `idempotency_conflict`, `result_not_ready` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `parameter_invalid`, `nothing_found`, `engine_unsupported` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `time_limit`, `out_of_memory`, `worker_lost`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `broker_unavailable`, `store_unavailable`, `wait_expired` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    smart_mask_cancel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                request_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CancelledRequest"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `parameter_invalid` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    upload_image: {
        parameters: {
            query?: {
                /** @description What to prepare: the masks for clicks on it. */
                prefetch?: components["schemas"]["Prefetch"] | null;
            };
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
                 *     }
                 */
                "application/json": {
                    /**
                     * Image
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    image: string;
                };
                "multipart/form-data": {
                    image: Blob | string;
                };
                "image/png": Blob;
                "image/jpeg": Blob;
                "image/webp": Blob;
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadedImage"];
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `base64_invalid`, `parameter_invalid` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`, `queue_full`, `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                image_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The image, byte for byte as it was stored. */
            200: {
                headers: {
                    /** @description Names these bytes; send it as If-None-Match. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/png": Blob;
                    "image/jpeg": Blob;
                    "image/webp": Blob;
                };
            };
            /** @description The client has it already. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `key_missing`, `key_invalid`, `token_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`, `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    image_utils_resize: {
        parameters: {
            query?: {
                /** @description Where the body is the image itself. */
                format?: "png" | "jpeg" | "webp" | "avif";
                /** @description Where the body is the image itself. */
                quality?: number;
                /** @description Where the body is the image itself. */
                keep_metadata?: boolean;
                /** @description Where the body is the image itself. */
                width?: number;
                /** @description Where the body is the image itself. */
                height?: number;
                /** @description Where the body is the image itself. */
                fit?: "inside" | "cover" | "pad" | "exact";
                /** @description Where the body is the image itself. */
                upscale?: boolean;
            };
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
                 *       "width": 512,
                 *       "format": "jpeg"
                 *     }
                 */
                "application/json": {
                    /**
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    image: string;
                    format?: ("png" | "jpeg" | "webp" | "avif") | null;
                    /**
                     * Quality
                     * @description Of JPEG, WebP and AVIF; the default is the format's own (docs/image-utils.md).
                     */
                    quality?: number | null;
                    /**
                     * Keep Metadata
                     * @description Keep the photo's EXIF, its GPS position included.
                     * @default false
                     */
                    keep_metadata?: boolean;
                    /** Width */
                    width?: number | null;
                    /** Height */
                    height?: number | null;
                    /**
                     * Fit
                     * @description How a photo meets a box of another aspect ratio.
                     * @default inside
                     * @enum {string}
                     */
                    fit?: "inside" | "cover" | "pad" | "exact";
                    /**
                     * Upscale
                     * @default false
                     */
                    upscale?: boolean;
                };
                "multipart/form-data": {
                    image: Blob | string;
                    /**
                     * OutputFormat
                     * @description Formats that Darkroom writes.
                     * @enum {string}
                     */
                    format?: "png" | "jpeg" | "webp" | "avif";
                    /**
                     * Quality
                     * @description Of JPEG, WebP and AVIF; the default is the format's own (docs/image-utils.md).
                     */
                    quality?: number;
                    /**
                     * Keep Metadata
                     * @description Keep the photo's EXIF, its GPS position included.
                     * @default false
                     */
                    keep_metadata?: boolean;
                    /** Width */
                    width?: number;
                    /** Height */
                    height?: number;
                    /**
                     * Fit
                     * @description How a photo meets a box of another aspect ratio.
                     * @default inside
                     * @enum {string}
                     */
                    fit?: "inside" | "cover" | "pad" | "exact";
                    /**
                     * Upscale
                     * @default false
                     */
                    upscale?: boolean;
                };
                "image/png": Blob;
                "image/jpeg": Blob;
                "image/webp": Blob;
            };
        };
        responses: {
            /** @description The picture: its bytes, or JSON with base64. */
            200: {
                headers: {
                    /** @description Of an answer of bytes: usable wherever an image is accepted. */
                    "X-Image-ID"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeImage"];
                    "image/png": Blob;
                    "image/jpeg": Blob;
                    "image/webp": Blob;
                    "image/avif": Blob;
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable` */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `parameter_invalid` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `time_limit`, `out_of_memory`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `wait_expired`, `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    image_utils_crop: {
        parameters: {
            query?: {
                /** @description Where the body is the image itself. */
                format?: "png" | "jpeg" | "webp" | "avif";
                /** @description Where the body is the image itself. */
                quality?: number;
                /** @description Where the body is the image itself. */
                keep_metadata?: boolean;
                /** @description Where the body is the image itself. */
                box?: [
                    number,
                    number,
                    number,
                    number
                ];
                /** @description Where the body is the image itself. */
                aspect?: [
                    number,
                    number
                ];
            };
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
                 *       "box": [
                 *         10,
                 *         10,
                 *         210,
                 *         160
                 *       ]
                 *     }
                 */
                "application/json": {
                    /**
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    image: string;
                    format?: ("png" | "jpeg" | "webp" | "avif") | null;
                    /**
                     * Quality
                     * @description Of JPEG, WebP and AVIF; the default is the format's own (docs/image-utils.md).
                     */
                    quality?: number | null;
                    /**
                     * Keep Metadata
                     * @description Keep the photo's EXIF, its GPS position included.
                     * @default false
                     */
                    keep_metadata?: boolean;
                    /**
                     * Box
                     * @description x0, y0, x1, y1 in pixels of the upright photo; x1 and y1 are exclusive.
                     */
                    box?: [
                        number,
                        number,
                        number,
                        number
                    ] | null;
                    /** Aspect */
                    aspect?: [
                        number,
                        number
                    ] | null;
                };
                "multipart/form-data": {
                    image: Blob | string;
                    /**
                     * OutputFormat
                     * @description Formats that Darkroom writes.
                     * @enum {string}
                     */
                    format?: "png" | "jpeg" | "webp" | "avif";
                    /**
                     * Quality
                     * @description Of JPEG, WebP and AVIF; the default is the format's own (docs/image-utils.md).
                     */
                    quality?: number;
                    /**
                     * Keep Metadata
                     * @description Keep the photo's EXIF, its GPS position included.
                     * @default false
                     */
                    keep_metadata?: boolean;
                    /**
                     * Box
                     * @description x0, y0, x1, y1 in pixels of the upright photo; x1 and y1 are exclusive.
                     */
                    box?: [
                        number,
                        number,
                        number,
                        number
                    ];
                    /** Aspect */
                    aspect?: [
                        number,
                        number
                    ];
                };
                "image/png": Blob;
                "image/jpeg": Blob;
                "image/webp": Blob;
            };
        };
        responses: {
            /** @description The picture: its bytes, or JSON with base64. */
            200: {
                headers: {
                    /** @description Of an answer of bytes: usable wherever an image is accepted. */
                    "X-Image-ID"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeImage"];
                    "image/png": Blob;
                    "image/jpeg": Blob;
                    "image/webp": Blob;
                    "image/avif": Blob;
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable` */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `parameter_invalid`, `crop_outside` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `time_limit`, `out_of_memory`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `wait_expired`, `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    image_utils_encode: {
        parameters: {
            query?: {
                /** @description Where the body is the image itself. */
                format?: "png" | "jpeg" | "webp" | "avif";
                /** @description Where the body is the image itself. */
                quality?: number;
                /** @description Where the body is the image itself. */
                lossless?: boolean;
                /** @description Where the body is the image itself. */
                max_bytes?: number;
                /** @description Where the body is the image itself. */
                keep_metadata?: boolean;
            };
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
                 *       "format": "webp",
                 *       "max_bytes": 100000
                 *     }
                 */
                "application/json": {
                    /**
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    image: string;
                    /**
                     * OutputFormat
                     * @description Formats that Darkroom writes.
                     * @enum {string}
                     */
                    format: "png" | "jpeg" | "webp" | "avif";
                    /** Quality */
                    quality?: number | null;
                    /**
                     * Lossless
                     * @default false
                     */
                    lossless?: boolean;
                    /**
                     * Max Bytes
                     * @description Find the best quality that fits.
                     */
                    max_bytes?: number | null;
                    /**
                     * Keep Metadata
                     * @default false
                     */
                    keep_metadata?: boolean;
                };
                "multipart/form-data": {
                    image: Blob | string;
                    /**
                     * OutputFormat
                     * @description Formats that Darkroom writes.
                     * @enum {string}
                     */
                    format: "png" | "jpeg" | "webp" | "avif";
                    /** Quality */
                    quality?: number;
                    /**
                     * Lossless
                     * @default false
                     */
                    lossless?: boolean;
                    /**
                     * Max Bytes
                     * @description Find the best quality that fits.
                     */
                    max_bytes?: number;
                    /**
                     * Keep Metadata
                     * @default false
                     */
                    keep_metadata?: boolean;
                };
                "image/png": Blob;
                "image/jpeg": Blob;
                "image/webp": Blob;
            };
        };
        responses: {
            /** @description The picture: its bytes, or JSON with base64. */
            200: {
                headers: {
                    /** @description Of an answer of bytes: usable wherever an image is accepted. */
                    "X-Image-ID"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeImage"];
                    "image/png": Blob;
                    "image/jpeg": Blob;
                    "image/webp": Blob;
                    "image/avif": Blob;
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable` */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `parameter_invalid`, `size_unreachable` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `time_limit`, `out_of_memory`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `wait_expired`, `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    image_utils_extract_object: {
        parameters: {
            query?: {
                /** @description Where the body is the image itself. */
                background?: "transparent" | "white";
            };
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
                 *       "mask": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
                 *       "background": "white"
                 *     }
                 */
                "application/json": {
                    /**
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    image: string;
                    /**
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    mask?: string;
                    /**
                     * Background
                     * @default transparent
                     * @enum {string}
                     */
                    background?: "transparent" | "white";
                };
                "multipart/form-data": {
                    image: Blob | string;
                    mask?: Blob | string;
                    /**
                     * Background
                     * @default transparent
                     * @enum {string}
                     */
                    background?: "transparent" | "white";
                };
                "image/png": Blob;
                "image/jpeg": Blob;
                "image/webp": Blob;
            };
        };
        responses: {
            /** @description The picture: its bytes, or JSON with base64. */
            200: {
                headers: {
                    /** @description Of an answer of bytes: usable wherever an image is accepted. */
                    "X-Image-ID"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeImage"];
                    "image/png": Blob;
                    "image/jpeg": Blob;
                    "image/webp": Blob;
                    "image/avif": Blob;
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable` */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `parameter_invalid`, `mask_empty`, `mask_mismatch` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `time_limit`, `out_of_memory`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `wait_expired`, `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    image_utils_mae: {
        parameters: {
            query?: {
                /** @description Where the body is the image itself. */
                mask_tool_type?: "brush" | "box";
                /** @description Where the body is the image itself. */
                method?: "telea" | "ns";
            };
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
                 *       "mask": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
                 *       "mask_tool_type": "brush"
                 *     }
                 */
                "application/json": {
                    /**
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    image: string;
                    /**
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    mask: string;
                    /**
                     * MaskTool
                     * @description How the user drew the mask; a brush stroke is widened before inpainting, a box is not.
                     * @default brush
                     * @enum {string}
                     */
                    mask_tool_type?: "brush" | "box";
                    /**
                     * Method
                     * @default telea
                     * @enum {string}
                     */
                    method?: "telea" | "ns";
                };
                "multipart/form-data": {
                    image: Blob | string;
                    mask: Blob | string;
                    /**
                     * MaskTool
                     * @description How the user drew the mask; a brush stroke is widened before inpainting, a box is not.
                     * @default brush
                     * @enum {string}
                     */
                    mask_tool_type?: "brush" | "box";
                    /**
                     * Method
                     * @default telea
                     * @enum {string}
                     */
                    method?: "telea" | "ns";
                };
                "image/png": Blob;
                "image/jpeg": Blob;
                "image/webp": Blob;
            };
        };
        responses: {
            /** @description The picture: its bytes, or JSON with base64. */
            200: {
                headers: {
                    /** @description Of an answer of bytes: usable wherever an image is accepted. */
                    "X-Image-ID"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeImage"];
                    "image/png": Blob;
                    "image/jpeg": Blob;
                    "image/webp": Blob;
                    "image/avif": Blob;
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable` */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `parameter_invalid`, `mask_missing`, `mask_empty`, `mask_mismatch` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `time_limit`, `out_of_memory`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `wait_expired`, `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    image_utils_canny: {
        parameters: {
            query?: {
                /** @description Where the body is the image itself. */
                low?: number;
                /** @description Where the body is the image itself. */
                high?: number;
            };
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
                 *       "low": 80,
                 *       "high": 160
                 *     }
                 */
                "application/json": {
                    /**
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    image: string;
                    /** Low */
                    low?: number | null;
                    /** High */
                    high?: number | null;
                };
                "multipart/form-data": {
                    image: Blob | string;
                    /** Low */
                    low?: number;
                    /** High */
                    high?: number;
                };
                "image/png": Blob;
                "image/jpeg": Blob;
                "image/webp": Blob;
            };
        };
        responses: {
            /** @description The picture: its bytes, or JSON with base64. */
            200: {
                headers: {
                    /** @description Of an answer of bytes: usable wherever an image is accepted. */
                    "X-Image-ID"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeImage"];
                    "image/png": Blob;
                    "image/jpeg": Blob;
                    "image/webp": Blob;
                    "image/avif": Blob;
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable` */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `parameter_invalid` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `time_limit`, `out_of_memory`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `wait_expired`, `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    image_utils_add_shadow_preview: {
        parameters: {
            query?: {
                /** @description Where the body is the image itself. */
                offset?: [
                    number,
                    number
                ];
                /** @description Where the body is the image itself. */
                opacity?: number;
                /** @description Where the body is the image itself. */
                blur?: number;
            };
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
                 *       "mask": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==",
                 *       "opacity": 0.4
                 *     }
                 */
                "application/json": {
                    /**
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    image: string;
                    /**
                     * @description An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).
                     * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
                     */
                    mask?: string;
                    /**
                     * Offset
                     * @description Right and down, in pixels.
                     * @default [
                     *       3,
                     *       5
                     *     ]
                     */
                    offset?: [
                        number,
                        number
                    ];
                    /**
                     * Opacity
                     * @default 0.4
                     */
                    opacity?: number;
                    /**
                     * Blur
                     * @description Width of the Gaussian kernel in pixels; odd.
                     * @default 21
                     */
                    blur?: number;
                };
                "multipart/form-data": {
                    image: Blob | string;
                    mask?: Blob | string;
                    /**
                     * Offset
                     * @description Right and down, in pixels.
                     * @default [
                     *       3,
                     *       5
                     *     ]
                     */
                    offset?: [
                        number,
                        number
                    ];
                    /**
                     * Opacity
                     * @default 0.4
                     */
                    opacity?: number;
                    /**
                     * Blur
                     * @description Width of the Gaussian kernel in pixels; odd.
                     * @default 21
                     */
                    blur?: number;
                };
                "image/png": Blob;
                "image/jpeg": Blob;
                "image/webp": Blob;
            };
        };
        responses: {
            /** @description The picture: its bytes, or JSON with base64. */
            200: {
                headers: {
                    /** @description Of an answer of bytes: usable wherever an image is accepted. */
                    "X-Image-ID"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeImage"];
                    "image/png": Blob;
                    "image/jpeg": Blob;
                    "image/webp": Blob;
                    "image/avif": Blob;
                };
            };
            /** @description `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable` */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `parameter_invalid`, `mask_empty`, `mask_mismatch` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `time_limit`, `out_of_memory`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`, `wait_expired`, `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    webhook_secret: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookSecret"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rotate_webhook_secret: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookSecret"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_token: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "path": "/api/generate/stream/0f8fad5b-d9cb-469f-a165-70867728950e",
                 *       "seconds": 300
                 *     }
                 */
                "application/json": {
                    /**
                     * Path
                     * @description Where a GET goes: a job's status, stream, result or picture, or an image.
                     */
                    path: string;
                    /**
                     * Seconds
                     * @description How long the token lives; at most an hour, unless the gateway is set otherwise.
                     * @default 300
                     */
                    seconds?: number;
                };
                "multipart/form-data": {
                    /**
                     * Path
                     * @description Where a GET goes: a job's status, stream, result or picture, or an image.
                     */
                    path: string;
                    /**
                     * Seconds
                     * @description How long the token lives; at most an hour, unless the gateway is set otherwise.
                     * @default 300
                     */
                    seconds?: number;
                };
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            /** @description `json_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `parameter_invalid` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayHealth"];
                };
            };
            /** @description `host_refused` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    live: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            /** @description `host_refused` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            /** @description `host_refused` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable`, `store_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    system_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SystemHealth"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `host_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    openai_generate_images: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "prompt": "a lighthouse at dusk",
                 *       "size": "1024x1024"
                 *     }
                 */
                "application/json": {
                    /**
                     * Model
                     * @description One of /v1/models; `darkroom` if absent.
                     * @default darkroom
                     */
                    model?: string;
                    /** Prompt */
                    prompt: string;
                    /**
                     * N
                     * @description Pictures, each a job of its own with a seed of its own.
                     * @default 1
                     */
                    n?: number;
                    /**
                     * Size
                     * @description `auto`, or `WIDTHxHEIGHT` in pixels.
                     * @default auto
                     */
                    size?: string;
                    /**
                     * ResponseFormat
                     * @description `url` is a signed address that lives for an hour.
                     * @default b64_json
                     * @enum {string}
                     */
                    response_format?: "b64_json" | "url";
                    /**
                     * PictureFormat
                     * @description What a picture is written as.
                     * @default png
                     * @enum {string}
                     */
                    output_format?: "png" | "jpeg" | "webp";
                    /**
                     * Output Compression
                     * @description Quality of JPEG and WebP; a PNG has no other than 100.
                     * @default 100
                     */
                    output_compression?: number;
                    /**
                     * Stream
                     * @description Send server-sent events.
                     * @default false
                     */
                    stream?: boolean;
                    /**
                     * Partial Images
                     * @description Previews in a stream, at most; an engine without steps has none.
                     * @default 0
                     */
                    partial_images?: number;
                    /**
                     * Background
                     * @default auto
                     * @enum {string}
                     */
                    background?: "auto" | "opaque";
                    /**
                     * Seed
                     * @description Darkroom's own: makes a second request give the same picture; the next pictures of `n` count on from it.
                     */
                    seed?: number | null;
                    /**
                     * Negative Prompt
                     * @description Darkroom's own.
                     */
                    negative_prompt?: string | null;
                    /** @description Darkroom's own: `fast` or `quality`. */
                    preset?: ("fast" | "quality") | null;
                    /**
                     * Num Inference Steps
                     * @description Darkroom's own.
                     */
                    num_inference_steps?: number | null;
                    /**
                     * True Cfg Scale
                     * @description Darkroom's own.
                     */
                    true_cfg_scale?: number | null;
                };
                "multipart/form-data": {
                    /**
                     * Model
                     * @description One of /v1/models; `darkroom` if absent.
                     * @default darkroom
                     */
                    model?: string;
                    /** Prompt */
                    prompt: string;
                    /**
                     * N
                     * @description Pictures, each a job of its own with a seed of its own.
                     * @default 1
                     */
                    n?: number;
                    /**
                     * Size
                     * @description `auto`, or `WIDTHxHEIGHT` in pixels.
                     * @default auto
                     */
                    size?: string;
                    /**
                     * ResponseFormat
                     * @description `url` is a signed address that lives for an hour.
                     * @default b64_json
                     * @enum {string}
                     */
                    response_format?: "b64_json" | "url";
                    /**
                     * PictureFormat
                     * @description What a picture is written as.
                     * @default png
                     * @enum {string}
                     */
                    output_format?: "png" | "jpeg" | "webp";
                    /**
                     * Output Compression
                     * @description Quality of JPEG and WebP; a PNG has no other than 100.
                     * @default 100
                     */
                    output_compression?: number;
                    /**
                     * Stream
                     * @description Send server-sent events.
                     * @default false
                     */
                    stream?: boolean;
                    /**
                     * Partial Images
                     * @description Previews in a stream, at most; an engine without steps has none.
                     * @default 0
                     */
                    partial_images?: number;
                    /**
                     * Background
                     * @default auto
                     * @enum {string}
                     */
                    background?: "auto" | "opaque";
                    /**
                     * Seed
                     * @description Darkroom's own: makes a second request give the same picture; the next pictures of `n` count on from it.
                     */
                    seed?: number;
                    /**
                     * Negative Prompt
                     * @description Darkroom's own.
                     */
                    negative_prompt?: string;
                    /**
                     * Preset
                     * @description Darkroom's own: `fast` or `quality`.
                     * @enum {string}
                     */
                    preset?: "fast" | "quality";
                    /**
                     * Num Inference Steps
                     * @description Darkroom's own.
                     */
                    num_inference_steps?: number;
                    /**
                     * True Cfg Scale
                     * @description Darkroom's own.
                     */
                    true_cfg_scale?: number;
                };
            };
        };
        responses: {
            /** @description The pictures; with `stream`, server-sent events. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImagesAnswer"];
                    /**
                     * @example event: image_edit.completed
                     *     data: {"type": "image_edit.completed", "b64_json": "…"}
                     */
                    "text/event-stream": string;
                };
            };
            /** @description `parameter_invalid`, `engine_unsupported`, `json_invalid`, `idempotency_key_invalid` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `model_not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `idempotency_conflict`, `job_cancelled` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `too_many_jobs`, `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `worker_lost`, `time_limit`, `out_of_memory`, `engine_failed`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `queue_full`, `broker_unavailable`, `store_unavailable`, `wait_expired` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    openai_edit_image: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no second job; another request under it is refused. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "images": [
                 *         {
                 *           "file_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
                 *         }
                 *       ],
                 *       "mask": {
                 *         "image_url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
                 *       },
                 *       "model": "darkroom-removal",
                 *       "prompt": "the empty beach"
                 *     }
                 */
                "application/json": {
                    /**
                     * Model
                     * @description One of /v1/models; `darkroom` if absent.
                     * @default darkroom
                     */
                    model?: string;
                    /**
                     * Prompt
                     * @default
                     */
                    prompt?: string;
                    /**
                     * N
                     * @description Pictures, each a job of its own with a seed of its own.
                     * @default 1
                     */
                    n?: number;
                    /**
                     * Size
                     * @description `auto`, or `WIDTHxHEIGHT` in pixels.
                     * @default auto
                     */
                    size?: string;
                    /**
                     * ResponseFormat
                     * @description `url` is a signed address that lives for an hour.
                     * @default b64_json
                     * @enum {string}
                     */
                    response_format?: "b64_json" | "url";
                    /**
                     * PictureFormat
                     * @description What a picture is written as.
                     * @default png
                     * @enum {string}
                     */
                    output_format?: "png" | "jpeg" | "webp";
                    /**
                     * Output Compression
                     * @description Quality of JPEG and WebP; a PNG has no other than 100.
                     * @default 100
                     */
                    output_compression?: number;
                    /**
                     * Stream
                     * @description Send server-sent events.
                     * @default false
                     */
                    stream?: boolean;
                    /**
                     * Partial Images
                     * @description Previews in a stream, at most; an engine without steps has none.
                     * @default 0
                     */
                    partial_images?: number;
                    /**
                     * Background
                     * @default auto
                     * @enum {string}
                     */
                    background?: "auto" | "opaque";
                    /**
                     * Seed
                     * @description Darkroom's own: makes a second request give the same picture; the next pictures of `n` count on from it.
                     */
                    seed?: number | null;
                    /**
                     * Negative Prompt
                     * @description Darkroom's own.
                     */
                    negative_prompt?: string | null;
                    /** @description Darkroom's own: `fast` or `quality`. */
                    preset?: ("fast" | "quality") | null;
                    /**
                     * Num Inference Steps
                     * @description Darkroom's own.
                     */
                    num_inference_steps?: number | null;
                    /**
                     * True Cfg Scale
                     * @description Darkroom's own.
                     */
                    true_cfg_scale?: number | null;
                    /**
                     * Images
                     * @description The photo, and for an insertion the image that holds the object. In forms `image`, or `image[]` for each.
                     * @default []
                     */
                    images?: string[];
                    /**
                     * Mask
                     * @description Fully transparent where the photo may change; of its size or its aspect ratio.
                     */
                    mask?: string | null;
                };
                "multipart/form-data": {
                    /**
                     * Model
                     * @description One of /v1/models; `darkroom` if absent.
                     * @default darkroom
                     */
                    model?: string;
                    /**
                     * Prompt
                     * @default
                     */
                    prompt?: string;
                    /**
                     * N
                     * @description Pictures, each a job of its own with a seed of its own.
                     * @default 1
                     */
                    n?: number;
                    /**
                     * Size
                     * @description `auto`, or `WIDTHxHEIGHT` in pixels.
                     * @default auto
                     */
                    size?: string;
                    /**
                     * ResponseFormat
                     * @description `url` is a signed address that lives for an hour.
                     * @default b64_json
                     * @enum {string}
                     */
                    response_format?: "b64_json" | "url";
                    /**
                     * PictureFormat
                     * @description What a picture is written as.
                     * @default png
                     * @enum {string}
                     */
                    output_format?: "png" | "jpeg" | "webp";
                    /**
                     * Output Compression
                     * @description Quality of JPEG and WebP; a PNG has no other than 100.
                     * @default 100
                     */
                    output_compression?: number;
                    /**
                     * Stream
                     * @description Send server-sent events.
                     * @default false
                     */
                    stream?: boolean;
                    /**
                     * Partial Images
                     * @description Previews in a stream, at most; an engine without steps has none.
                     * @default 0
                     */
                    partial_images?: number;
                    /**
                     * Background
                     * @default auto
                     * @enum {string}
                     */
                    background?: "auto" | "opaque";
                    /**
                     * Seed
                     * @description Darkroom's own: makes a second request give the same picture; the next pictures of `n` count on from it.
                     */
                    seed?: number;
                    /**
                     * Negative Prompt
                     * @description Darkroom's own.
                     */
                    negative_prompt?: string;
                    /**
                     * Preset
                     * @description Darkroom's own: `fast` or `quality`.
                     * @enum {string}
                     */
                    preset?: "fast" | "quality";
                    /**
                     * Num Inference Steps
                     * @description Darkroom's own.
                     */
                    num_inference_steps?: number;
                    /**
                     * True Cfg Scale
                     * @description Darkroom's own.
                     */
                    true_cfg_scale?: number;
                    /**
                     * Images
                     * @description The photo, and for an insertion the image that holds the object. In forms `image`, or `image[]` for each.
                     * @default []
                     */
                    images?: string[];
                    mask?: Blob | string;
                    image?: Blob | string;
                };
            };
        };
        responses: {
            /** @description The pictures; with `stream`, server-sent events. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImagesAnswer"];
                    /**
                     * @example event: image_edit.completed
                     *     data: {"type": "image_edit.completed", "b64_json": "…"}
                     */
                    "text/event-stream": string;
                };
            };
            /** @description `parameter_invalid`, `engine_unsupported`, `json_invalid`, `idempotency_key_invalid`, `image_invalid`, `image_truncated`, `image_format_unsupported`, `image_too_large`, `image_missing`, `base64_invalid`, `mask_missing`, `mask_mismatch`, `mask_empty`, `reference_missing` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `host_refused`, `origin_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `model_not_found`, `image_unknown` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `request_timeout` */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `idempotency_conflict`, `job_cancelled` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `body_too_large` */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `media_type_unsupported` */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `too_many_jobs`, `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `worker_lost`, `time_limit`, `out_of_memory`, `engine_failed`, `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `queue_full`, `broker_unavailable`, `store_unavailable`, `wait_expired` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    openai_list_models: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Models"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `host_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    openai_get_model: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            /** @description `key_missing`, `key_invalid` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `host_refused`, `scope_missing` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `model_not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `internal` */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `broker_unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
}
