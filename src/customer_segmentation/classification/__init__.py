"""The typing tool: assign new households to existing segments, and say what that claims."""
