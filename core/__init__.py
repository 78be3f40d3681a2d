"""What the API and the workers agree on: records, errors, the job store and the files on disk."""
