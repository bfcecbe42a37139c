package pipeline

import "fmt"

// DidYouMean is what to add to the complaint that a word is not known, if one of
// the known words is nearly the same; nothing, if none is.
func DidYouMean(word string, known []string) string {
	const most = 2
	nearest, least := "", min(most, len(word)/2)+1
	for _, candidate := range known {
		if distance := editDistance(word, candidate, least); distance < least {
			nearest, least = candidate, distance
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", nearest)
}

// editDistance is how many bytes have to be put in, taken out or changed to make b of
// a. What is not below limit is not looked at closely.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1) // the distances of a's beginning from b's beginnings
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
