package cli

import "time"

// closing is how long current work may take when a command ends.
const closing = 10 * time.Second
