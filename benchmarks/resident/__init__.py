"""What keeps a program's imports: a snapshot, and a server that forks."""
