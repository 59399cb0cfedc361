"""Every Celery setting, with the reason beside each odd one. Clients, gateway and workers all load this file.

The visibility timeout makes that a must: the shortest value among all apps on a broker wins.
docs/reliability.md has the measurements behind the connection settings.
"""

from kombu import Exchange, Queue as KombuQueue

from tasks.addresses import tls_options
from tasks.queues import PRIORITY_STEPS, Queue
from tasks.settings import settings

broker_url = settings().redis_url
# What TLS checks stands in the address; Flower's page about the broker reads it from here only.
broker_use_ssl = tls_options(settings().redis_url)
result_backend = f"tasks.results:LedgerBackend+{settings().redis_url}"
imports = (
    *("tasks.worker", "tasks.image_utils", "tasks.workflows"),
    *("tasks.segmentation", "tasks.generation", "tasks.housekeeping", "tasks.webhooks"),
)

# Messages are JSON. A pickle from a stranger would run his code.
task_serializer = result_serializer = event_serializer = "json"
accept_content = result_accept_content = ["json"]
enable_utc = True

# One queue per pool; a misspelt queue is an error, not a new queue that nobody consumes.
task_queues = [KombuQueue(queue, Exchange("", type="direct"), routing_key=queue) for queue in Queue]
task_create_missing_queues = False
task_default_queue = Queue.IMAGE_UTILS
task_default_exchange = ""

# A message leaves the broker when its work is done. The ledger's claim makes a second delivery harmless.
task_acks_late = True
task_acks_on_failure = task_acks_on_timeout = True
# A killed pool child is retried at most `max_retries` times; the reject is the fall-back when the retry is not sent.
task_retry_on_worker_lost = task_reject_on_worker_lost = True
task_track_started = False
task_send_sent_event = True  # Flower learns a task's queue from nothing else

worker_prefetch_multiplier = 1
worker_disable_prefetch = True  # nobody hoards messages that an idle worker could take
worker_enable_remote_control = False  # wedges a worker whose connection is reset (docs/decisions/0004)
worker_cancel_long_running_tasks_on_connection_loss = False  # the ledger fences; a reload of 57 GB does not
worker_consumer = "tasks.consumer:SafeConsumer"
worker_pool = "tasks.pool:Processes"  # of the profiles with processes; `-P threads` stays Celery's own
worker_proc_alive_timeout = 60  # with the default 4 s a slow child start-up never recovers after the first loss
worker_hijack_root_logger = False
worker_redirect_stdouts = False

broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # the default gives up after 100
broker_channel_error_retry = True  # a demoted master raises a channel error, which would end the worker
broker_pool_acquire_timeout = 5
broker_transport_options = {
    # Twice the longest job, the same in every process. It is a last resort: leases redo lost work much earlier.
    "visibility_timeout": int(2 * settings().job_time_limit_seconds),
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 30,
    "body_encoding": None,  # a JSON body needs no base64 around it
    "priority_steps": list(PRIORITY_STEPS),
    "queue_order_strategy": "round_robin",
    # A half-open connection is noticed by then, and the read is tried again on a new one.
    "socket_timeout": settings().broker_answer_seconds,
    "socket_connect_timeout": settings().broker_answer_seconds,
    "socket_keepalive": True,
    "health_check_interval": settings().broker_check_seconds,
    "retry_on_timeout": True,
}
redis_socket_timeout = redis_socket_connect_timeout = settings().broker_answer_seconds
redis_socket_keepalive = True
redis_retry_on_timeout = True
redis_backend_health_check_interval = settings().broker_check_seconds
result_backend_transport_options = {
    "visibility_timeout": broker_transport_options["visibility_timeout"],
    # Celery's own 20 retries outlast the task's time limit; who waits for a reply has left by then.
    "retry_policy": {"max_retries": 1, "interval_start": 0.1, "interval_step": 0, "interval_max": 0.1},
}
# Replies of utilities are read at once; a job's record is the ledger's and lives longer.
result_expires = result_failure_expires = settings().reply_seconds
result_chord_expires = 3600
result_chord_join_timeout = 10
