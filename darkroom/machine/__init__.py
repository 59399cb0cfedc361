"""One machine of a pool: its weights, a worker per GPU, and on AWS its duties towards its autoscaling group.

``life`` runs it: ``crew`` has the workers, ``watch`` looks and acts, ``duties`` decides; ``metadata`` and ``group``
talk to AWS, ``gpus`` counts.
"""
