"""The opening task of each operation: it prepares the inputs once and launches the job's chord.

::

    opening (image-utils) ──► header: canny, MAE, masked background, reference … in parallel (image-utils)
                                  └──► body: tasks.generation.generate (generation)

The opening task's id, the body's task id and the job's id are one. ``removal.delay(photo=…, mask=…)`` submits a job
like ``tasks.submit(Edit(…))`` does; a message sent by name alone, without this code, becomes a job when it arrives.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

from celery import chord, group, signature
from celery.canvas import Signature
from celery.result import AsyncResult

from tasks import imaging, ledger
from tasks.app import app
from tasks.base import DarkroomTask
from tasks.engines import require_support
from tasks.imaging.probe import Format
from tasks.jobs import Edit, Job, Operation, Role, Stage
from tasks.ledger import Held, Token
from tasks.messages import OPERATION, PART, REQUEST_ID
from tasks.outcomes import HandedOn, PutDown
from tasks.queues import Priority, Queue
from tasks.results import CLAIM
from tasks.settings import settings
from tasks.store import LOCAL_OWNER, ImageStore
from tasks.submission import BODY_TASK, body_message, prepare
from tasks.tracing import carried
from tasks.validation import validated

CONDITIONS: Mapping[Operation, tuple[Role, ...]] = {
    Operation.REMOVAL: (Role.MASKED_BACKGROUND, Role.MASK, Role.MAE),
    Operation.INSERTION: (Role.REFERENCE, Role.MASK, Role.MASKED_BACKGROUND),
    Operation.WHITE_BALANCE: (Role.PHOTO, Role.CANNY),
    Operation.TEXT_TO_IMAGE: (),
}
"""What the engine gets, in the order that the operation's LoRA was trained on."""


class OpeningTask(DarkroomTask):
    """Sends a job instead of a bare message: record and message are written in one transaction."""

    abstract = True
    carries_job = True
    operation: Operation
    # When its process dies, the sweeper redoes it and counts; Celery would send the bare message again, uncounted.
    retry_on_worker_lost = False
    reject_on_worker_lost = False

    def apply_async(
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        task_id: str | None = None,
        priority: int = Priority.INTERACTIVE,
        **options: Any,
    ) -> AsyncResult:
        """Submit a job of this operation; ``kwargs`` are the fields of ``Edit``.

        Raises ``InputError``, ``ConflictError`` (job_exists), ``UnavailableError``, and ``TypeError`` for what a job
        cannot have.
        """
        unknown = {name for name, value in options.items() if value is not None}
        if args or unknown:
            raise TypeError(f"A job takes keyword fields of Edit, task_id and priority; got {args or unknown}.")
        submission = prepare(
            validated(Edit, {**(kwargs or {}), "operation": self.operation}),
            owner=LOCAL_OWNER,
            priority=Priority(priority),
            job_id=task_id,
        )
        return self.AsyncResult(self.ledger.apply(submission.move).accepted())


@app.task(bind=True, base=OpeningTask, operation=Operation.REMOVAL)
def removal(self: OpeningTask, **edit: Any) -> NoReturn:
    """Remove what the mask marks: ``photo``, ``mask``."""
    _open(self, edit)


@app.task(bind=True, base=OpeningTask, operation=Operation.INSERTION)
def insertion(self: OpeningTask, **edit: Any) -> NoReturn:
    """Insert an object where the mask is: ``photo``, ``mask``, ``reference``, ``reference_mask``."""
    _open(self, edit)


@app.task(bind=True, base=OpeningTask, operation=Operation.WHITE_BALANCE)
def white_balance(self: OpeningTask, **edit: Any) -> NoReturn:
    """Correct the white balance: ``photo``."""
    _open(self, edit)


@app.task(bind=True, base=OpeningTask, operation=Operation.TEXT_TO_IMAGE)
def text_to_image(self: OpeningTask, **edit: Any) -> NoReturn:
    """Generate an image: ``prompt``."""
    _open(self, edit)


def _open(task: OpeningTask, fields: dict[str, Any]) -> NoReturn:
    job_id = str(task.request.id)
    if fields:
        _record(task, job_id, fields)
    attempt = task.claim(job_id, Stage.OPENING)
    job = task.read_claimed(job_id)
    require_support(settings().generation_engine, job.edit.operation)
    known = normalised(job, task.app.runtime.store)
    launch(task, job, attempt, known)
    raise HandedOn


def _record(task: OpeningTask, job_id: str, fields: dict[str, Any]) -> None:
    # A message that somebody sent by name: there is no record yet.
    edit = validated(Edit, {**fields, "operation": task.operation})
    request_id = task.request.get(REQUEST_ID) or ""
    move = ledger.submit(job_id, edit, owner=LOCAL_OWNER, request_id=request_id, traceparent=carried())
    task.ledger.apply(move)


def normalised(job: Job, store: ImageStore) -> dict[Role, str]:
    """Bring the job's photo and mask into the one form that all its parts work on, and store them.

    Raises ``InputError`` for what only the pixels tell: truncated data, an empty mask, a mask that does not fit.
    """
    edit, images = job.edit, {}
    if edit.photo is not None:
        photo = imaging.codec.normalise(store.open(edit.photo))
        size = store.put(photo, owner=job.owner)
        images[Role.PHOTO] = size.id
        if edit.mask is not None:
            mask = imaging.codec.decode_mask(store.open(edit.mask), area=edit.mask_area)
            mask = imaging.masks.fit_mask(mask, size.height, size.width)
            imaging.masks.require_non_empty(mask, edit.mask_area)
            images[Role.MASK] = store.put(imaging.codec.encode(mask, Format.PNG), owner=job.owner).id
    return images


def launch(task: DarkroomTask, job: Job, attempt: Token, known: Mapping[Role, str]) -> None:
    """Publish the job's chord: the conditions that do not exist yet as its header, the generation as its body.

    Without a condition to make there is only the body. Raises ``PutDown`` where the job is not the attempt's any more.
    """
    token = ledger.new_token(job.id)
    missing = [role for role in CONDITIONS[job.edit.operation] if role not in known]
    if task.ledger.apply(ledger.launch(attempt, token, len(missing), known)) is not Held.YES:
        task.show_end(job.id)
        raise PutDown("the job was cancelled, or is another attempt's")
    if not missing:
        envelope = body_message(job)
        task.ledger.client.lpush(envelope.list_key, envelope.message)
        return
    # From here on it is the chord's token that may end the job, should its messages not be sent.
    setattr(task.request, CLAIM, token)
    header = group([_part(role, job, token, known) for role in missing], task_id=token.value)
    body = signature(BODY_TASK, args=(job.id,), immutable=True, app=app).set(
        queue=ledger.SERVED_BY[job.edit.operation],
        priority=job.priority,
        headers={OPERATION: job.edit.operation},
    )
    chord(header, body, app=app).apply_async(task_id=job.id)


def _part(role: Role, job: Job, token: Token, known: Mapping[Role, str]) -> Signature:
    edit = job.edit
    photo_and_mask = [known.get(Role.PHOTO), known.get(Role.MASK)]
    widen = edit.mask_tool_type if edit.enable_mae_refinement else "box"
    task, args, options = {
        Role.MASKED_BACKGROUND: ("masked_background", photo_and_mask, {}),
        Role.MAE: ("mae", photo_and_mask, {"mask_tool_type": widen}),
        Role.REFERENCE: ("extract_object", [edit.reference, edit.reference_mask], {"background": "white"}),
        Role.CANNY: ("canny", photo_and_mask[:1], {}),
    }[role]
    return signature(
        f"tasks.image_utils.{task}", args=args, kwargs={**options, "owner": job.owner}, immutable=True, app=app
    ).set(
        queue=Queue.IMAGE_UTILS,
        priority=job.priority,
        ignore_result=True,
        headers={PART: {"job": job.id, "launch": token.value, "role": role}},
    )
