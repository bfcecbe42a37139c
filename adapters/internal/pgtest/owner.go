//go:build unix

package pgtest

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// unprivileged are users that can own a server if the tests run as root, because PostgreSQL
// refuses to run as root.
var unprivileged = []string{"postgres", "nobody"}

// owner gives the folder to the user of the server, and returns the attributes of the
// server's processes.
func owner(folder string) (*syscall.SysProcAttr, error) {
	// In a process group of its own, the server survives a Ctrl-C until the tests have
	// ended.
	attributes := ownGroup()
	if os.Geteuid() != 0 {
		return attributes, nil
	}
	for _, name := range unprivileged {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return attributes, os.Chown(folder, int(uid), int(gid))
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody")
}

// ownGroup starts a process in a group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
