"""The body of a valid `POST /referrals`."""

REFERRAL = {
    "nhs_number": "9434765919",
    "source": "gp",
    "reason": "urgent-deterioration",
    "urgency": "urgent",
    "condition": "pneumonia",
    "demographics": {
        "given_name": "Colin",
        "family_name": "Dale",
        "born_on": "1944-03-02",
        "address": "Oakleigh",
        "practice_code": "W07",
        "residence": "LBB",
    },
    "story": {"narrative": "Short of breath since yesterday.", "contacts": []},
}
