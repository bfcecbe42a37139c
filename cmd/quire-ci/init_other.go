//go:build !unix

package main

func init1() int { panic("there is no process 1") }
