# What the one controller, the jobs worker, may do, and alarms that tell people. Nothing here moves a machine.

locals {
  namespace = "Darkroom"
  # The jobs worker publishes every minute: a period of five is never empty by chance.
  period = 300
  # Twice the time to the first heartbeat, and a quarter of an hour at least: Spot capacity may be short.
  waiting_periods = { for profile, pool in var.pools : profile => max(3, ceil(2 * pool.boot_seconds / local.period)) }
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.deployment}-alarms"
  kms_master_key_id = var.key_arn
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "waiting" {
  for_each = var.pools

  alarm_name        = "${var.deployment}-${each.key}-waiting"
  alarm_description = "Jobs wait for the ${each.key} pool and no machine takes them. Look at the activity of group ${each.value.group_name}: no capacity, a quota, or machines that do not come up."

  namespace           = local.namespace
  metric_name         = "BacklogWithoutCapacity"
  dimensions          = { Deployment = var.deployment, Pool = each.key }
  statistic           = "Minimum"
  period              = local.period
  evaluation_periods  = local.waiting_periods[each.key]
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "silent" {
  for_each = var.pools

  alarm_name        = "${var.deployment}-${each.key}-silent"
  alarm_description = "Nobody decides over the ${each.key} pool: no jobs worker has published for five minutes, and the pool stays as large as it is."

  namespace           = local.namespace
  metric_name         = "DesiredCapacity"
  dimensions          = { Deployment = var.deployment, Pool = each.key }
  statistic           = "SampleCount"
  period              = local.period
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "idle" {
  for_each = var.pools

  alarm_name        = "${var.deployment}-${each.key}-idle"
  alarm_description = "Group ${each.value.group_name} has machines and has had no work for ${var.idle_minutes} minutes."

  evaluation_periods  = ceil(var.idle_minutes * 60 / local.period)
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "idle"
    expression  = "IF(machines > 0 AND backlog + flying == 0, 1, 0)"
    label       = "Machines without work"
    return_data = true
  }

  metric_query {
    id = "machines"

    metric {
      namespace   = "AWS/AutoScaling"
      metric_name = "GroupInServiceInstances"
      dimensions  = { AutoScalingGroupName = each.value.group_name }
      stat        = "Minimum"
      period      = local.period
    }
  }

  metric_query {
    id = "backlog"

    metric {
      namespace   = local.namespace
      metric_name = "Backlog"
      dimensions  = { Deployment = var.deployment, Pool = each.key }
      stat        = "Maximum"
      period      = local.period
    }
  }

  metric_query {
    id = "flying"

    metric {
      namespace   = local.namespace
      metric_name = "InFlight"
      dimensions  = { Deployment = var.deployment, Pool = each.key }
      stat        = "Maximum"
      period      = local.period
    }
  }

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}

locals {
  # What is not a pool's.
  health = merge(local.of_gateway, local.of_broker)

  of_broker = merge([
    for node in range(var.broker.nodes) : {
      "broker-memory-${node + 1}" = {
        about      = "The broker is nearly full: at 90 % new work is refused with broker_full."
        namespace  = "AWS/ElastiCache"
        metric     = "DatabaseMemoryUsagePercentage"
        dimensions = { CacheClusterId = format("%s-%03d", var.broker.id, node + 1) }
        statistic  = "Maximum"
        above      = 75
        minutes    = 5
      }
      "broker-cpu-${node + 1}" = {
        about      = "The broker's one thread is busy: everything gets slower."
        namespace  = "AWS/ElastiCache"
        metric     = "EngineCPUUtilization"
        dimensions = { CacheClusterId = format("%s-%03d", var.broker.id, node + 1) }
        statistic  = "Average"
        above      = 80
        minutes    = 5
      }
    }
  ]...)

  of_gateway = {
    gateway-errors = {
      about      = "The gateway answers with 5xx."
      namespace  = "AWS/ApplicationELB"
      metric     = "HTTPCode_Target_5XX_Count"
      dimensions = { LoadBalancer = var.balancer_dimensions.LoadBalancer }
      statistic  = "Sum"
      above      = 20
      minutes    = 5
    }
    gateway-unhealthy = {
      about      = "A gateway machine does not answer /api/health. Before the first API key that is so: the gateway does not start without."
      namespace  = "AWS/ApplicationELB"
      metric     = "UnHealthyHostCount"
      dimensions = var.balancer_dimensions
      statistic  = "Minimum"
      above      = 0
      minutes    = 5
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "health" {
  for_each = local.health

  alarm_name          = "${var.deployment}-${each.key}"
  alarm_description   = each.value.about
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 60
  evaluation_periods  = each.value.minutes
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}
