//go:build unix

package faults

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// disk is a small file system of its own.
type disk struct {
	path string
	size int64
}

// newDisk mounts a file system of the given size until the test ends.
func newDisk(t testing.TB, size int64) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system")
	}
	d := &disk{publicFolder(t), size}
	d.mount(t, 0, "mode=0777,"+sized(size))
	t.Cleanup(func() {
		assert.NoError(t, syscall.Unmount(d.path, syscall.MNT_DETACH))
	})
	return d
}

func (d *disk) mount(t testing.TB, flags uintptr, options string) {
	t.Helper()
	require.NoError(t, syscall.Mount("tmpfs", d.path, "tmpfs", flags, options), "mount %s", options)
}

func sized(size int64) string { return fmt.Sprintf("size=%d", size) }

// fill leaves room for the given number of bytes.
func (d *disk) fill(t testing.TB, room int64) {
	t.Helper()
	var stat syscall.Statfs_t
	require.NoError(t, syscall.Statfs(d.path, &stat))
	used := int64(stat.Blocks-stat.Bfree) * stat.Bsize
	d.mount(t, syscall.MS_REMOUNT, sized(max(used+room, 1))) // 0 would be no limit
}

// makeRoom undoes fill.
func (d *disk) makeRoom(t testing.TB) {
	t.Helper()
	d.mount(t, syscall.MS_REMOUNT, sized(d.size))
}

// makeReadOnly mounts the disk read-only.
func (d *disk) makeReadOnly(t testing.TB) {
	t.Helper()
	d.mount(t, syscall.MS_REMOUNT|syscall.MS_RDONLY, sized(d.size))
}
