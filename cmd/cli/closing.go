package cli

import "time"

// closing is how long what is under way may take when a command ends.
const closing = 10 * time.Second
