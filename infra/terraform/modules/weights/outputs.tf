output "file_system_id" {
  description = "The file system, with a folder for each profile at its root."
  value       = aws_efs_file_system.this.id
}
