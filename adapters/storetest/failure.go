package storetest

import "fmt"

// failure is the value of the panic that ends a law which does not hold.
type failure struct{ error }

// must ends the law if err is not nil.
func must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// value returns v, or ends the law with an error.
func value[T any](v T, err error) T {
	must(err)
	return v
}

// failf ends the law.
func failf(format string, args ...any) { must(fmt.Errorf(format, args...)) }

// failIf ends the law if the condition is true.
func failIf(is bool, format string, args ...any) {
	if is {
		failf(format, args...)
	}
}

// caught runs a law, and returns the error with which it ended.
func caught(law func()) (err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case failure:
			err = cause.error
		default:
			panic(cause)
		}
	}()
	law()
	return nil
}
