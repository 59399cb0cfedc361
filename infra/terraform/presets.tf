# Kinds of machines. A pool runs the profile that it is named after, on the machine of the same name unless it says
# otherwise (`machine`), and may have other instance types, another disk and an image of its own.

locals {
  amis = {
    plain = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    # Driver, Docker, NVIDIA's container toolkit; mounts the instance's own NVMe disks at /opt/dlami/nvme.
    gpu = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id"
  }

  presets = {
    # 8 cores, 16 GB: a prefork worker with a process per core.
    cpu = {
      image          = "cpu"
      instance_types = ["c7i.2xlarge", "c6i.2xlarge", "c7a.2xlarge"]
      gpus           = false
      cores          = 8
      workers        = 1
      ami_parameter  = local.amis.plain
      install_docker = true
      disk_gib       = 40
      disk_mbps      = 125
      models_folder  = "/var/lib/darkroom/models"
      must_mount     = false
      # Boot, Docker's package and an image of under a gigabyte take about two minutes.
      boot_seconds = 300
    }

    # One T4 with 16 GB, 125 GB of NVMe.
    t4 = {
      image          = "t4"
      instance_types = ["g4dn.xlarge", "g4dn.2xlarge"]
      gpus           = true
      cores          = 4
      workers        = 1
      ami_parameter  = local.amis.gpu
      install_docker = false
      disk_gib       = 150
      disk_mbps      = 250
      models_folder  = "/opt/dlami/nvme/models"
      must_mount     = true
      # An image with CUDA and torch has several gigabytes.
      boot_seconds = 900
    }

    # Eight A100 of 80 GB and 8 TB of NVMe: `darkroom machine` runs a worker process for each GPU.
    a100 = {
      image          = "a100"
      instance_types = ["p4de.24xlarge"]
      gpus           = true
      cores          = 96
      workers        = 8
      ami_parameter  = local.amis.gpu
      install_docker = false
      disk_gib       = 200
      disk_mbps      = 750
      models_folder  = "/opt/dlami/nvme/models"
      must_mount     = true
      # Its 96 cores and 1.1 TB of memory boot slowly, too.
      boot_seconds = 1200
    }
  }
}
