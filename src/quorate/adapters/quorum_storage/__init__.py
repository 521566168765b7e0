"""The port `ports.quorum_storage` made real: a directory, a block device with SCSI reservations."""
