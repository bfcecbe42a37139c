//go:build !unix

package pgtest

import (
	"errors"
	"syscall"
)

func owner(string) (*syscall.SysProcAttr, error) { return nil, errors.ErrUnsupported }
func ownGroup() *syscall.SysProcAttr             { return nil }
