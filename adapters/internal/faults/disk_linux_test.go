package faults

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// disk is a small file system of its own.
type disk struct{ path string }

// newDisk makes a file system that has room for so many bytes, for as long as
// the test takes.
func newDisk(t testing.TB, bytes string) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system")
	}
	d := &disk{publicFolder(t)}
	if err := syscall.Mount("tmpfs", d.path, "tmpfs", 0, "size="+bytes+",mode=0777"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.path, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d
}

// fill fills the disk but for so many bytes.
func (d *disk) fill(t testing.TB, room int64) {
	t.Helper()
	d.makeRoom(t)
	var stat syscall.Statfs_t
	if err := syscall.Statfs(d.path, &stat); err != nil {
		t.Fatal(err)
	}
	filler, err := os.Create(d.filler())
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	size := int64(stat.Bfree)*stat.Bsize - room
	if err := syscall.Fallocate(int(filler.Fd()), 0, 0, max(size, 1)); err != nil {
		t.Fatal(err)
	}
}

// makeRoom removes what fills the disk.
func (d *disk) makeRoom(t testing.TB) {
	t.Helper()
	if err := os.Remove(d.filler()); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func (d *disk) filler() string { return filepath.Join(d.path, "filler") }

// setReadOnly has nobody write to the disk, or undoes that.
func (d *disk) setReadOnly(t testing.TB, readOnly bool) {
	t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if readOnly {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("tmpfs", d.path, "tmpfs", flags, ""); err != nil {
		t.Fatal(err)
	}
}
