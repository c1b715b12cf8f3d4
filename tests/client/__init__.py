"""The client: each answer judged by its body, passing faults outlived, and the key kept to one host."""
