package jsonenc

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// AppendInt is like strconv.AppendInt with base 10, but faster for the numbers that most rows
// contain: times of 13 digits, and numbers of one digit.
func AppendInt(dst []byte, n int64) []byte {
	switch {
	case 0 <= n && n < 10:
		return append(dst, '0'+byte(n))
	case n < 0 || n >= 1e16:
		return strconv.AppendInt(dst, n, 10)
	case n < 1e8:
		return appendDigits(dst, digits(uint64(n)))
	}
	high, low := uint64(n)/1e8, uint64(n)%1e8
	return binary.LittleEndian.AppendUint64(appendDigits(dst, digits(high)), digits(low)+zeros)
}

const zeros = 0x3030303030303030

// digits returns the eight digits of n, the first one in the lowest byte. It makes
// all at once: each step splits a number in two, eight digits to fours, fours to
// pairs, pairs to digits.
func digits(n uint64) uint64 {
	const pairs, single = 0x0000007F_0000007F, 0x000F000F_000F000F
	x := n/10000 | n%10000<<32
	high := x * 5243 >> 19 & pairs // a hundredth of each
	x = high | (x-100*high)<<16
	high = x * 103 >> 10 & single // a tenth of each
	return high | (x-10*high)<<8
}

// appendDigits appends eight digits without leading zeros.
func appendDigits(dst []byte, digits uint64) []byte {
	zero := bits.TrailingZeros64(digits) / 8
	dst = binary.LittleEndian.AppendUint64(dst, (digits+zeros)>>(8*zero))
	return dst[:len(dst)-zero]
}
