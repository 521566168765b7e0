"""SCSI persistent reservations: what the commands look like, and how they reach a device.

`commands` and `reservations` know bytes; `sg_device` carries them to a block device of this machine.
"""
