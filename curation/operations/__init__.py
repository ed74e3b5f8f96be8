"""The operations: every decorated function in these modules is one."""
